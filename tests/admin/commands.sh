#!/usr/bin/env bash
# host status, drain, log-level and reopen-log: what they print, and what they say if it cannot be
# done. Tokens, and addresses that need one.
source "$(dirname "${BASH_SOURCE[0]}")/admin_common.sh"
need python3

run() { # NAME ARGUMENT...: `code`, and the output in NAME.out and NAME.err
    local name=$1
    shift
    timeout 60 "${host[@]}" "$@" >"$name.out" 2>"$name.err"
    code=$?
    sed -i 's/\r$//' "$name.out" "$name.err"
}
says() { # WHAT CODE FILE PATTERN
    if [ "$code" -eq "$2" ] && grep -qE -- "$4" "$3"; then
        ok "$1"
    else
        fail "$1: exit code $code" "$3"
    fi
}

config it
fixed_port it
run none status --config it.json
says 'no host runs' 1 none.err 'no host with this configuration is running'

start_host it || finish
port=$(port_of it admin)
run table status --config it.json
says 'a table' 0 table.out '^it +listening +127\.0\.0\.1:[0-9]+ +echo .* +0 +10000 +0 +0 B$'
run json status --json --config it.json
same 'the same as JSON' portico-status "$(json 'd["schema"]' <json.out)"
run level log-level debug --config it.json
says 'the log level changes' 0 level.out '^log level: debug$'
same 'the status says so' debug "$(ask /api/status | json 'd["log"]["level"]')"
run wrong log-level loud --config it.json
says 'an unknown level' 1 wrong.err 'found "loud", expected'
run reopen reopen-log --config it.json
says 'the log is opened again' 0 reopen.out 'opened again'
run drain drain other --config it.json
says 'a listener is drained' 0 drain.out '^other: port closed'
is_drained() { [ "$(state_of other)" = drained ]; }
eventually 20 is_drained
same 'its state' drained "$(state_of other)"
run undo drain other --undo --config it.json
says 'and listens again' 0 undo.out '^other: listening again'
same 'its state again' listening "$(state_of other)"
run unknown drain nobody --config it.json
says 'an unknown listener' 1 unknown.err 'there is no listener "nobody"'
run twice drain other --undo --config it.json
says 'nothing to undo' 1 twice.err 'is not drained'
stop_host it "$stop_signal"

# ---- without "admin", and with a wrong one
sed '/"admin"/d' it.json >plain.json
run plain status --config plain.json
says 'no endpoint is configured' 2 plain.err 'plain.json has no "admin"'
config open auto '"x": 1'
run open check open.json
says 'an unknown key' 2 open.err 'open.json:7: admin.x: unknown key "x"'
config wide
sed -i '/"admin"/s/127.0.0.1:0/0.0.0.0:0/' wide.json
run wide check wide.json
says 'other machines need a token' 2 wide.err 'wide.json:7: admin.token_file: .*0\.0\.0\.0:0'
config same
fixed_port same
taken=$(sed -n 's/.*"admin".*:\([0-9]*\)".*/\1/p' same.json)
sed -i "/\"name\": \"it\"/s/127.0.0.1:0/127.0.0.1:$taken/" same.json
run same check same.json
says 'an address that a listener has' 2 same.err 'same.json:7: admin.listen: .*listeners\[0\]'

# ---- a token
config token auto '"token_file": "admin.token"'
fixed_port token
run absent check token.json
says 'the token is missing' 2 absent.err \
    'token.json:7: admin.token_file: .*admin.token cannot be read'
echo short >admin.token
chmod 600 admin.token
run short check token.json
says 'the token is too short' 2 short.err 'holds no token: expected one line of 16'
echo 0123456789abcdef >admin.token
if [ -z "$emulator" ]; then
    chmod 644 admin.token
    run loose check token.json
    says 'others may read the token' 2 loose.err 'mode 0644\): chmod 600'
fi
chmod 600 admin.token
start_host token || finish
port=$(port_of token admin)
same 'the token is asked for' 401 "$(status /api/status)"
same 'the token opens' 200 \
    "$(status /api/status --header 'Authorization: Bearer 0123456789abcdef')"
same 'the probes need none' 200 "$(status /ready)"
run known status --config token.json
says 'the command finds it' 0 known.out 'LISTENER'
echo fedcba9876543210 >admin.token
run refused status --config token.json
says 'another token' 1 refused.err 'the host refuses the token of .*admin.token'
stop_host token "$stop_signal"
finish
