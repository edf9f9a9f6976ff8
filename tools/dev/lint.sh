# shellcheck shell=bash disable=SC2034,SC2154
# Clang's and clang-tidy's warnings about the sources. Sourced by ./dev.

verb_lint() {
    local run=() kinds=() preset
    while [ $# -gt 0 ]; do
        case $1 in
        --clang | --tidy) kinds+=("$1") ;;
        --all | --verbose) run+=("$1") ;;
        *) die "lint: unknown option $1; see ./dev help" ;;
        esac
        shift
    done
    [ ${#kinds[@]} -gt 0 ] || kinds=(--clang --tidy)
    need native windows clang tidy python
    for preset in linux windows; do # configured, and with the sources that the build generates
        build "$preset" client/report_html.hpp client/comparison_html.hpp \
            host/admin/page/admin_page.hpp host/project/templates.hpp
    done
    say "looking for warnings ..."
    tools/dev/lint.py "${kinds[@]}" ${run[@]+"${run[@]}"} || die "there are findings"
    say "done"
}
