#!/usr/bin/env bash
# All that an embedder does, with nothing but what was installed: builds the examples and this
# suite's programs outside of the tree, runs them, and talks to what they serve. Then the commands
# of docs/guide/embedding.md, and what the libraries export.
#
#   run.sh --prefix PREFIX --build DIR --work DIR [--toolchain FILE --emulator wine]
#
#   --prefix     where the components sdk and embed are installed
#   --build      the build from which they were installed, for the guide's own commands
#   --work       scratch folder, made anew
#   --toolchain  for cmake: a Windows build; --emulator then runs the programs
#
# Needs bash, cmake, ninja, coreutils, and natively python3.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../package/steps.sh"
export LC_ALL=C.UTF-8 # Wine takes file names in the locale's encoding

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
prefix='' build='' work='' toolchain='' emulator=''
while [ $# -gt 0 ]; do
    case $1 in
    --prefix) prefix=$2 ;; --build) build=$2 ;; --work) work=$2 ;;
    --toolchain) toolchain=$2 ;; --emulator) emulator=$2 ;;
    *) echo "run.sh: $1 is unknown" >&2; exit 2 ;;
    esac
    shift 2
done
exe=''
[ -z "$toolchain" ] || exe=.exe
# Natively the names of the system's own tools, in a cross build those of the toolchain.
nm=nm objdump=objdump
[ -z "$toolchain" ] || nm=x86_64-w64-mingw32-nm objdump=x86_64-w64-mingw32-objdump

program=''
end_program() { [ -z "$program" ] || kill -KILL "$program" 2>/dev/null || true; }
trap end_program EXIT
ok() { echo "ok: $1"; }

rm -rf "$work"
mkdir -p "$work"
work=$(cd "$work" && pwd)
prefix=$(cd "$prefix" && pwd)
build=$(cd "$build" && pwd)
cd "$work"

# built SOURCE NAME CMAKE-OPTION...: the project in $work/NAME. A warning is an error.
built() {
    local source=$1 name=$2
    shift 2
    quietly "$name.configure.log" cmake -S "$source" -B "$name" -G Ninja \
        -DCMAKE_BUILD_TYPE=Release '-DCMAKE_C_FLAGS=-std=c11 -Wall -Wextra -Wpedantic -Werror' \
        '-DCMAKE_CXX_FLAGS=-Wall -Wextra -Wpedantic -Werror' "-DCMAKE_PREFIX_PATH=$prefix" \
        ${toolchain:+"-DCMAKE_TOOLCHAIN_FILE=$toolchain"} "$@"
    quietly "$name.build.log" cmake --build "$name"
    # Windows looks for DLLs beside the program.
    [ -z "$toolchain" ] || cp "$prefix"/bin/*.dll "$name/"
}

# begin NAME COMMAND...: starts it, and waits until it says where it listens. Its input stays open.
begin() {
    local name=$1 deadline=$((SECONDS + 60))
    shift
    rm -f input
    mkfifo input
    "$@" <input >"$name.out" 2>"$name.err" &
    program=$!
    exec 9>input
    until grep -qsE 'listen(s|ing) on ' "$name.out"; do
        kill -0 "$program" 2>/dev/null || fail "$name ended" "$name.out" "$name.err"
        [ $SECONDS -lt $deadline ] || fail "$name says nothing" "$name.out" "$name.err"
        sleep 0.05
    done
}
port_of() { # NAME [LINE]: the port in this line of what it has said
    tr -d '\r' <"$1.out" | sed -nE 's/^.*listen(s|ing) on .*[ :]([0-9]+)$/\2/p' | sed -n "${2:-1}p"
}
answer() { # PORT TEXT LINES: what comes back
    exec 8<>"/dev/tcp/127.0.0.1/$1"
    printf '%s\n' "$2" >&8
    timeout 30 head -n "$3" <&8
    exec 8>&-
}
same() { # WHAT EXPECTED FOUND
    [ "$2" = "$3" ] || fail "$1: expected \"$2\", found \"$3\"" ./*.out ./*.err
    ok "$1"
}
# end NAME: ends its input. It must end by itself, with 0.
end() {
    local status=0 deadline=$((SECONDS + 60))
    exec 9>&-
    while kill -0 "$program" 2>/dev/null; do
        [ $SECONDS -lt $deadline ] || fail "$1 does not end" "$1.out" "$1.err"
        sleep 0.05
    done
    wait "$program" || status=$?
    program=''
    [ $status -eq 0 ] || fail "$1 exited with $status" "$1.out" "$1.err"
    ok "$1 stops in order"
}
said() { # NAME PATTERN
    tr -d '\r' <"$1.out" | grep -qE "$2" || fail "$1 does not say \"$2\"" "$1.out" "$1.err"
    ok "$1 says \"$2\""
}

# ---- the examples

# Once with each library.
for way in OFF ON; do
    built "$root/examples/embed" "embed_$way" -DPORTICO_HOST_SHARED=$way
    begin "embed_$way" $emulator "$PWD/embed_$way/embed$exe"
    same "a C++ program serves its own protocol (PORTICO_HOST_SHARED=$way)" HELLO \
        "$(answer "$(port_of "embed_$way")" hello 1)"
    end "embed_$way"
done
built "$root/examples/embed_c" embed_c
begin embed_c $emulator "$PWD/embed_c/embed_c$exe"
until [ -n "$(port_of embed_c 2)" ]; do sleep 0.05; done
same 'a C program serves its own protocol' olleh "$(answer "$(port_of embed_c 1)" hello 1)"
same 'its second server as well' dlrow "$(answer "$(port_of embed_c 2)" world 1)"
end embed_c
said embed_c 'one: lines: 1 connections, portico_plugin_reverse_messages_total 1$'
if [ -z "$emulator" ]; then
    begin embed_python /usr/bin/python3 -B "$root/examples/embed_python/embed_python.py" \
        "$prefix/lib/libportico.so"
    port=$(port_of embed_python)
    same 'a Python program serves its own protocol' $'a sum, please\n-1' \
        "$(answer "$port" '1 + 2 - 4' 2)"
    same 'its mistakes are answers' $'a sum, please\nnot a sum: x is no sign\nbye' \
        "$(answer "$port" $'1 x 2\nbye' 3)"
    end embed_python
    said embed_python '^2 connections$'
    grep -q '^log: ready$' embed_python.err || fail 'Python gets no log' embed_python.err
    ok 'a Python function gets the log'
fi

# ---- what the libraries show, and programs that have the same names

archive=$prefix/lib/libportico-server.a
shown=$prefix/lib/libportico.so
[ -z "$toolchain" ] || shown=$prefix/bin/portico.dll
functions=$(sed -nE 's/^(.*[ *])?(portico_[a-z_]+)\(.*$/\2/p' "$prefix/include/portico/embed.h" |
    grep -E '^portico_(embed|server|snapshot)_' | sort -u | tr '\n' ';')
[ "$(tr -cd ';' <<<"$functions" | wc -c)" -ge 20 ] || fail "embed.h has functions: $functions"
quietly exports.log cmake "-DLIBRARY=$shown" "-DNM=$nm" "-DOBJDUMP=$objdump" \
    "-DEXPECTED=${functions%;}" -P "$root/tests/abi/check_exports.cmake"
ok "${shown##*/} exports the functions of embed.h alone"
$nm "$archive" >archive.nm 2>archive.err || fail 'nm' archive.err
grep -q portico_nlohmann archive.nm || fail 'the archive has no JSON library of its own'
! grep -E 'N8nlohmann|N5boost|N6spdlog|N3CLI' archive.nm ||
    fail 'the archive has names of other libraries'
ok "${archive##*/} has no name of another library"
if [ -z "$toolchain" ]; then
    ! nm -D --undefined-only "$shown" | grep ' U _Z' || fail 'libportico needs a C++ library'
    ok 'libportico.so needs no C++ library'
    nm -D --defined-only "$prefix/lib/libportico-server.so" | sed 's/^.* //' >server.exports
else
    $objdump -p "$prefix/bin/libportico-server.dll" |
        sed -nE '/Ordinal\/Name Pointer/,/^$/ s/^.*\[ *[0-9]+\] ([^ ]+)$/\1/p' >server.exports
fi
grep -q '^_ZN7portico6Server5startEv$' server.exports || fail 'no start is exported' server.exports
! grep -vE '^_ZNK?7portico6Server' server.exports || fail 'libportico-server exports more'
ok 'libportico-server exports portico::Server alone'

abi=$(c++filt <archive.nm | sed -nE 's/^.*portico_nlohmann::(json_abi_[a-z0-9_]+)::.*$/\1/p' |
    head -n 1 || true)
built "$here/crowded" crowded "-DJSON_ABI=$abi"
for library in server_static server_shared embed; do
    begin "crowded_$library" $emulator "$PWD/crowded/crowded_$library$exe"
    same "a program with other copies of libraries serves, with $library" hello \
        "$(answer "$(port_of "crowded_$library")" hello 1)"
    end "crowded_$library"
    said "crowded_$library" '^everybody has used their own$'
done

rounds=100
[ -z "$emulator" ] || rounds=30
GLIBC_TUNABLES=glibc.malloc.tcache_count=0 quietly twice.log \
    timeout 500 $emulator "$PWD/crowded/twice$exe" $rounds
ok "$(tr -d '\r' <twice.log | tail -n 1) leave nothing behind"

# ---- the guide: its commands, word for word, with this build and a home of their own

[ -z "$toolchain" ] || exit 0
guide=$root/docs/guide/embedding.md
awk '/^```sh$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$guide" >commands.sh
[ "$(wc -l <commands.sh)" -ge 6 ] || fail 'the guide has no commands' commands.sh
mkdir home
sed -i "s|build/linux|\"$build\"|" commands.sh
export HOME=$work/home CMAKE_GENERATOR=Ninja
cd "$root"
quietly "$work/guide.log" bash -euo pipefail "$work/commands.sh" </dev/null
cd "$work"
ok "the guide's commands work"
awk '/^```cpp$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$guide" >printed.cpp
cmp -s printed.cpp "$root/examples/embed/embed.cpp" ||
    fail 'the guide prints another program than examples/embed/embed.cpp'
ok 'the guide prints examples/embed'
