#!/usr/bin/env bash
# A seed gives the same run in another process, at another place in memory, and after other seeds.
# Another seed gives another run.
#   determinism.sh SIM SEEDS
set -euo pipefail
once() { "$1" --seeds "$2" --jobs "$3" --quiet --digest | grep '^seed '; }
one=$(once "$1" "$2" 1) again=$(once "$1" "$2" 3)
if [ "$one" != "$again" ]; then
    diff <(echo "$one") <(echo "$again") || true
    echo "runs of the same seeds differ" >&2
    exit 1
fi
different=$(sed 's/.*: //' <<<"$one" | sort -u | wc -l)
echo "$2 seeds, run twice: the same traces, and $different different ones"
[ "$different" -eq "$2" ]
