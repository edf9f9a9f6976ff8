#!/usr/bin/env bash
# The client's output: the summary with its drawing, JSON and HTML files, thresholds and exit codes,
# and comparisons of files and of live servers.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

cat >echo.json <<JSON
{ "plugin_directory": "$plugin_directory",
  "listeners": [ { "name": "it", "listen": "127.0.0.1:0", "plugin": "echo" },
                 { "name": "other", "listen": "127.0.0.1:0", "plugin": "ack" } ],
  "shutdown": { "drain_ms": 5000 } }
JSON
start_host echo || finish
port=$(port_of echo it) other=$(port_of echo other)
folder=$(native_path "$work")

# run NAME EXIT_CODE ARGUMENT...: output in NAME.out, errors in NAME.err.
run() {
    local name=$1 expected=$2
    shift 2
    timeout 120 "${client[@]}" "$@" 2>"$name.err" | tr -d '\r' >"$name.out"
    code=${PIPESTATUS[0]}
    if [ "$code" -eq "$expected" ]; then
        ok "$name: ends with $code"
    else
        fail "$name: the exit code is $code, not $expected" "$name.out" "$name.err"
    fi
}
says() { # FILE PATTERN
    if grep -qE -- "$2" <(tr -d '\r' <"$1"); then
        ok "$1: $2"
    else
        fail "$1 does not say: $2" "$1"
    fi
}

run summary 0 127.0.0.1 "$port" --message hello --connections 4 --count 200
says summary.out '^received +800$'
says summary.out '^latency_p9999_us +[0-9.]+$'
says summary.out '^connect_p99_us +[0-9.]+$'
says summary.out '^latency, up to   messages   no slower$'
says summary.out '^ +[0-9]+ (us|ms|s) +[0-9.]+ % +100.000 %  #'

run files 0 127.0.0.1 "$port" --message hello --connections 4 --duration 3s \
    --json "$folder/ö run.json" --report "$folder/run.html" \
    --fail-if 'lost>0' --fail-if 'p99>30s' --progress plain
if [ -s 'ö run.json' ] && [ ! -e 'ö run.json.part' ]; then
    ok 'the JSON file is there'
else
    fail 'no JSON file' files.err
fi
says 'ö run.json' '"schema": "portico-client-run"'
says 'ö run.json' '"exit_code": 0'
says run.html '^<!doctype html>'
run json 0 127.0.0.1 "$port" --message hello --json -
says json.out '"received": \{'
if grep -q '^received' json.out; then
    fail 'with --json - the summary is in the way' json.out
else
    ok 'with --json - there is no summary'
fi

run threshold 4 127.0.0.1 "$port" --message hello --count 10 --fail-if 'received<11' \
    --json "$folder/failed.json"
says threshold.err '^client: failed by --fail-if received<11: received is 10'
says failed.json '"exit_code": 4'
run wrong 3 127.0.0.1 "$other" --message hello --fail-if 'received>=0'
run no_folder 1 127.0.0.1 "$port" --message hello --json "$folder/no such folder/run.json"
says no_folder.err '^client: --json: cannot write ".*no such folder/run.json": '
run unknown 2 127.0.0.1 "$port" --message hello --fail-if 'p98>5ms'
says unknown.err 'nearest is "p90"'

# This would end a page's script element if it were not escaped.
run again 0 127.0.0.1 "$port" --message '</script><script>console.error(1)</script><!-- "' \
    --connections 4 --duration 3s --json "$folder/again.json" --quiet
if [ -s again.out ]; then
    fail '--quiet prints something' again.out
else
    ok '--quiet prints nothing'
fi
run compare_files 0 compare "$folder/ö run.json" "$folder/again.json"
says compare_files.out '^messages_per_second +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+ to [0-9.]+$'
says compare_files.out '^(No difference is shown|B is (better|worse): )'
run compare_page 0 compare "$folder/ö run.json" "$folder/again.json" --report "$folder/files.html" \
    --json="$folder/files.json"
says compare_page.out '^A: .*ö run.json$'
says files.html '^<!doctype html>'
says files.json '"schema": "portico-client-comparison"'
says files.json '"of": "files"'
run compare_printed 0 compare "$folder/ö run.json" "$folder/again.json" --json -
if [ "$(head -n 1 compare_printed.out)" = '{' ] && ! grep -q '^A: ' compare_printed.out; then
    ok 'with --json - there is no text'
else
    fail 'with --json - the text is in the way' compare_printed.out
fi
run compare_no_folder 1 compare "$folder/ö run.json" "$folder/again.json" \
    --report "$folder/no such folder/files.html"
says compare_no_folder.err \
    '^client: compare: --report: cannot write ".*no such folder/files.html": '
run compare_not_kept 1 compare "$folder/ö run.json" "$folder/echo.json" \
    --report "$folder/none.html" --json "$folder/none.json"
if ls none.* >/dev/null 2>&1; then
    fail 'a comparison that failed leaves files'
else
    ok 'a comparison that failed leaves no files'
fi
run compare_same_file 2 compare "$folder/ö run.json" "$folder/again.json" --report x --json x
run compare_no_value 2 compare "$folder/ö run.json" "$folder/again.json" --report
says compare_no_value.err '^client: compare: --report needs a value$'
run compare_twice 2 compare "$folder/ö run.json" "$folder/again.json" --json x --json y
run compare_rounds_of_files 2 compare "$folder/ö run.json" "$folder/again.json" --rounds 6
run compare_nothing 1 compare "$folder/ö run.json" "$folder/echo.json"
says compare_nothing.err '^client: compare: B: this is not a file of --json'
run compare_short 1 compare "$folder/failed.json" "$folder/failed.json"
says compare_short.err 'too short'
run compare_servers 0 compare "127.0.0.1:$port" "127.0.0.1:$other" --rounds 6 --message hello \
    --connections 2 --count 100 --expect any \
    --report "$folder/servers.html" --json "$folder/servers.json"
says compare_servers.out "^B: 127.0.0.1:$other"
says compare_servers.out '^latency_p99_us +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+ to [0-9.]+$'
says compare_servers.err '^round 6 of 6'
says servers.json '"of": "servers"'
run compare_wrong 3 compare "127.0.0.1:$port" "127.0.0.1:$other" --rounds 6 --message hello
says compare_wrong.err "a run on 127.0.0.1:$other ended with 3"
run compare_mixed 2 compare "127.0.0.1:$port" "$folder/again.json"
run compare_one 2 compare "127.0.0.1:$port"
run compare_help 0 compare --help
says compare_help.out '^Exit codes: '

# The pages in a real browser: the script runs without an error and draws its three charts.
# open_page PAGE: writes the resulting document to PAGE.dom.
browser=$(command -v chromium-headless-shell || command -v chromium ||
    command -v chromium-browser || true)
open_page() {
    timeout 60 "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$work/browser" \
        --enable-logging=stderr --v=0 --virtual-time-budget=2000 \
        --dump-dom "file://$work/$1.html" >"$1.dom" 2>"$1.log"
    if [ "$(grep -o '<svg' "$1.dom" | wc -l)" -eq 3 ] && ! grep -q 'CONSOLE' "$1.log"; then
        ok "$1.html draws its charts in a browser, without a complaint"
    else
        fail "$1.html does not work in a browser" "$1.log"
    fi
}
if [ -z "$emulator" ] && [ -z "$sanitized" ] && [ -n "$browser" ]; then
    open_page run
    says run.dom 'passed'
    for page in files servers; do
        open_page "$page"
        if [ "$(grep -o 'class="range"' "$page.dom" | wc -l)" -eq 4 ]; then
            ok "$page.html has its four intervals"
        else
            fail "$page.html does not have its four intervals" "$page.log"
        fi
        says "$page.dom" \
            'verdict" id="verdict">(no difference is shown|[AB] is better in [1-4] of 4)'
    done
else
    echo 'no Chromium here, or the programs are not native: the pages were not opened in a browser'
fi

stop_host echo $stop_signal
finish
