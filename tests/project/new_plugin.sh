#!/usr/bin/env bash
# What `host new-plugin` writes and refuses. It never overwrites, and leaves nothing half-made.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../integration/common.sh"

new_plugin() { # ARGUMENT...: sets `code`; its output is in said.txt
    "${host[@]}" new-plugin "$@" >said.txt 2>&1
    code=$?
    tr -d '\r' <said.txt >said.tmp && mv said.tmp said.txt
}
refused() { # CODE TEXT ARGUMENT...: with this text, and no file is made
    local expected=$1 text=$2 before
    shift 2
    before=$(find . | sort)
    new_plugin "$@"
    if [ "$code" -eq "$expected" ] && grep -qF -- "$text" said.txt &&
        [ "$before" = "$(find . | sort)" ]; then
        ok "refused: $*"
    else
        fail "new-plugin $*: exit code $code, expected $expected and \"$text\"" said.txt
    fi
}
touch said.txt

for language in c cpp rust; do
    new_plugin "made_$language" "--$language"
    same "a project: --$language" 0 "$code"
    case $language in
    c) own='CMakeLists.txt plugin.c tests/serve.sh' ;;
    cpp) own='CMakeLists.txt plugin.cpp tests/serve.sh' ;;
    rust) own='Cargo.toml src/lib.rs tests/serve.rs' ;;
    esac
    expected=$(printf '%s\n' .gitignore README.md host.json verify.json $own | sort)
    same 'its files' "$expected" "$(cd "made_$language" && find . -type f | cut -c3- | sort)"
    same 'no place is left open' '' "$(grep -rn '@[A-Z]' "made_$language")"
    same 'it has its name' "made_$language" \
        "$(sed -n 's/.*"plugin": "\(.*\)",/\1/p' "made_$language/host.json")"
done
if cmp -s made_c/verify.json made_cpp/verify.json; then ok 'they do the same'; fi

mkdir empty full 'a folder'
touch full/file
new_plugin into --c --directory empty
same 'an empty folder becomes the project' 0 "$code"
if [ -f empty/plugin.c ]; then ok 'it is there'; else fail 'it is not there' said.txt; fi
new_plugin inner --cpp --directory 'a folder/inner'
same 'in a folder with a space' 0 "$code"
if grep -q 'cd "a folder' said.txt; then ok 'the next command works'; else fail 'cd' said.txt; fi

refused 1 'is not empty' again --c --directory full
refused 1 'is not empty' made_c --c
refused 1 'exists already' again --c --directory full/file
refused 1 'make it first' again --c --directory missing/again
refused 2 'name is missing' '' --c
refused 2 'such as made_d' Made-D --c
refused 2 'beginning with a letter' 1st --c
refused 2 'beginning with a letter' ../out --c
refused 2 'taken by Windows' nul --c
refused 2 'taken by CMake' test --cpp
refused 2 'taken by Rust' match --c
refused 2 'taken by the SDK' portico --rust
refused 2 'at most 64' "$(printf 'n%.0s' {1..65})" --c
refused 2 'there is no SDK' again --c --sdk full
refused 2 'name one language' again
refused 2 'name one language' again --c --rust
refused 2 'name is required' --c

mkdir again.new
refused 1 'again.new exists already' again --c
rmdir again.new

# The disk is full in the middle of it. (Windows has no such limit.)
if [ -z "$emulator" ]; then
    before=$(find . | sort)
    (ulimit -f 1 && trap '' XFSZ && exec "${host[@]}" new-plugin again --cpp) 2>&1 |
        cat >said.txt
    if grep -q 'cannot write .*again.new/' said.txt && [ "$before" = "$(find . | sort)" ]; then
        ok 'nothing is left of one that could not be written'
    else
        fail 'a project that could not be written' said.txt
    fi
fi
finish
