#!/usr/bin/env bash
# host verify on plugins with one planted mistake each: it must fail, and name that mistake.
source "$(dirname "${BASH_SOURCE[0]}")/../integration/common.sh"

declare -A names=(
    [shared_state]=shared-state
    [wrong_consumed]=wrong-consumed
    [lost_at_split]=lost-at-split
    [read_past_size]=read-past-size
    [dropped_bytes]=dropped-bytes
    [sent_twice]=sent-twice
    [leak]=leak
    [endless_hold]=endless-hold
    [end_never_closes]=end-never-closes
    [freed_twice]=freed-twice
    [work_in_on_close]=work-in-on-close
    [validate_differs]=validate-differs
)
# A sanitizer's allocator does not say how much is in use.
[ -z "$sanitized" ] || unset 'names[leak]'
# Wine's heap does not notice that memory is freed twice.
[ -z "$emulator" ] || unset 'names[freed_twice]'

for mistake in "${!names[@]}"; do
    "${host[@]}" verify "$bin/mistakes/$mistake$module" >"$mistake.txt" 2>&1
    code=$?
    if [ "$code" -ne 1 ]; then
        fail "$mistake: exit code $code, expected 1" "$mistake.txt"
    elif grep -q "^ *${names[$mistake]}: " "$mistake.txt"; then
        ok "$mistake is named"
    else
        fail "$mistake is not named ${names[$mistake]}" "$mistake.txt"
    fi
done

# The seed that a random world reports is the same world in another process.
said_of_seed() { sed -n '/differs-in-random-world/,/again with/p' "$1"; }
seed=$(sed -nE 's/.*again with: --seed ([0-9]+) --seeds 1.*/\1/p' sent_twice.txt)
"${host[@]}" verify "$bin/mistakes/sent_twice$module" --seed "$seed" --seeds 1 >again.txt 2>&1
if [ -n "$seed" ] && [ "$(said_of_seed sent_twice.txt)" = "$(said_of_seed again.txt)" ]; then
    ok 'a reported seed fails in the same way again'
else
    fail "the seed '$seed' fails in another way the second time" sent_twice.txt again.txt
fi
finish
