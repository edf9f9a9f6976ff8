# shellcheck shell=bash disable=SC2034,SC2154
# clang-format over the sources. Sourced by ./dev.

verb_format() {
    local option=-i
    case ${1:-} in
    '') ;;
    --check) option="--dry-run -Werror" ;;
    *) die "format: unknown option $1; see ./dev help" ;;
    esac
    need format
    git ls-files -z --cached --others --exclude-standard '*.c' '*.h' '*.cpp' '*.hpp' | xargs -0 clang-format $option
}
