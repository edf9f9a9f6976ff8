#!/usr/bin/env bash
# host verify passes on the plugins that come with the host, and on the examples. What it answers to
# what is no plugin, and to a seed that is given again. host plugins lists them.
source "$(dirname "${BASH_SOURCE[0]}")/../integration/common.sh"
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

passes() { # NAME FILE [OPTION...]
    local name=$1 file=$2
    shift 2
    if [ ! -e "$file" ]; then
        echo "not built: $name"
        return
    fi
    if "${host[@]}" verify "$file" --json "$name.json" "$@" >"$name.txt" 2>&1; then
        ok "$name passes"
    else
        fail "$name does not pass" "$name.txt"
    fi
    if grep -q '"passed": true' "$name.json"; then ok "$name's JSON"; else fail "$name's JSON"; fi
}
passes echo "$bin/plugins/echo$module"
passes ack "$bin/plugins/ack$module"
mkdir config
cat >config/everything.json <<JSON
{ "listeners": [ { "listen": "127.0.0.1:0", "plugin": "everything",
                   "framing": { "type": "delimiter" },
                   "upstreams": { "backend": { "address": "127.0.0.1:7" } } } ] }
JSON
# As many lines as it has ways to answer.
cat >config/script.json <<'JSON'
{ "framing": "delimiter:\\n",
  "steps": [ { "send": "one" }, { "expect": "one" }, { "send": "two 2" }, { "send": "a third one" },
             { "send": "4" }, { "send": "five" }, { "send": "six 6" }, { "send": "the last" } ] }
JSON
passes everything "$plugins/everything$module" --config config/everything.json \
    --script config/script.json
passes pingpong "$plugins/pingpong$module" --script "$scripts/examples/minimal_c/verify.json"
passes chat "$plugins/chat$module" --script "$scripts/examples/chat/verify.json"
passes redis_like "$plugins/redis_like$module" --script "$scripts/examples/redis_like/verify.json"
passes smtp_sink "$plugins/smtp_sink$module" --script "$scripts/examples/smtp_sink/verify.json"
passes tcp_proxy "$plugins/tcp_proxy$module" --config "$scripts/examples/tcp_proxy/host.json" \
    --script "$scripts/examples/tcp_proxy/verify.json"
cat >config/kv.json <<JSON
{ "listeners": [ { "listen": "127.0.0.1:0", "plugin": "sqlite_kv",
                   "framing": { "type": "delimiter" }, "settings": { "file": ":memory:" } } ] }
JSON
passes sqlite_kv "$plugins/sqlite_kv$module" --config config/kv.json \
    --script "$scripts/examples/sqlite_kv/verify.json"

if command -v python3 >/dev/null; then
    if python3 "$scripts/tests/verify/answers.py" ./*.json >answers.md 2>answers.txt; then
        ok 'each function of the host is called, and fails in each way'
    else
        fail 'some function of the host was not called, or did not fail' answers.txt answers.md
    fi
fi

"${host[@]}" verify "$bin/plugins/echo$module" --seed 7 --seeds 3 --in-process >here.txt 2>&1
if [ $? -eq 0 ]; then ok 'all checks in one process'; else fail 'in one process' here.txt; fi

echo nothing >no_plugin$module
"${host[@]}" verify "$PWD/no_plugin$module" >nothing.txt 2>&1
code=$?
if [ "$code" -eq 2 ]; then ok 'no plugin'; else fail "no plugin: exit code $code" nothing.txt; fi

if "${host[@]}" plugins "$bin/plugins" >list.txt 2>&1 && grep -q '^echo .*any' list.txt &&
    grep -q '^ack ' list.txt; then
    ok 'the list of plugins'
else
    fail 'the list of plugins' list.txt
fi
finish
