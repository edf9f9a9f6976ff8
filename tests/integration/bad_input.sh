#!/usr/bin/env bash
# A mistake in a configuration, a plugin or an address is found before anything is served: exit code
# 2, a message that names its place, no "ready". `host check` finds the same, except mistakes that
# only create can find.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# wrong NAME EXPECTED [start-only]: a start and a check must refuse NAME.json, with EXPECTED (a
# fixed text) in the message.
wrong() {
    local name=$1 expected=$2 modes=(start check) mode
    [ "${3:-}" != start-only ] || modes=(start)
    for mode in "${modes[@]}"; do
        if [ "$mode" = start ]; then
            timeout 60 "${host[@]}" --config "$name.json" >"$name.$mode" 2>&1
        else
            timeout 60 "${host[@]}" check "$name.json" >"$name.$mode" 2>&1
        fi
        code=$?
        if [ "$code" -ne 2 ]; then
            fail "$name ($mode): exit code $code, expected 2" "$name.$mode"
        elif ! grep -qF -- "$expected" "$name.$mode"; then
            fail "$name ($mode): nothing says \"$expected\"" "$name.$mode"
        elif ! grep -qF -- "$name.json" "$name.$mode"; then
            fail "$name ($mode): the file is not named" "$name.$mode"
        elif tr -d '\r' <"$name.$mode" | grep -qE ' ready$|listening on'; then
            fail "$name ($mode): it was half started" "$name.$mode"
        else
            ok "$name ($mode): $(grep -F -m 1 -- "$expected" "$name.$mode" | tr -d '\r' |
                cut -c1-160)"
        fi
    done
}
# config NAME LISTENER-MEMBERS [ROOT-MEMBERS]
config() {
    local form='{\n  "plugin_directory": "%s",\n'
    form+='  "listeners": [\n    { "name": "it",\n      %s }\n  ]%s\n}\n'
    # shellcheck disable=SC2059 # the form is the lines above
    printf "$form" "$plugin_directory" "$2" "${3:-}" >"$1.json"
}
fine='"listen": "127.0.0.1:0", "plugin": "echo"'

# ---- the file
printf '{ "listeners": [ { "listen": "127.0.0.1:0",, "plugin": "echo" } ] }' >malformed.json
wrong malformed 'malformed.json:1:'
printf '{\n  "listeners": [\n' >truncated.json
wrong truncated 'truncated.json:3'
: >empty.json
wrong empty 'empty.json'
config wrong_type '"listen": 5000, "plugin": "echo"'
wrong wrong_type 'listeners[0].listen'
config wrong_number "$fine, \"limits\": { \"connections\": \"many\" }"
wrong wrong_number 'listeners[0].limits.connections'
config out_of_range "$fine, \"limits\": { \"connections\": 0 }"
wrong out_of_range 'listeners[0].limits.connections'
config unknown_key "$fine, \"limitz\": { }"
wrong unknown_key 'limitz'
config unknown_key_near "$fine, \"limits\": { \"conections\": 5 }"
wrong unknown_key_near '"connections"'
config unknown_root "$fine" ', "lgo": { }'
wrong unknown_root '"log"'
config duplicate "\"listen\": \"127.0.0.1:0\", $fine"
wrong duplicate 'listen'
config two_mistakes '"listen": 1, "plugin": 2'
wrong two_mistakes 'listeners[0].plugin'
wrong two_mistakes 'listeners[0].listen'

config other_system "$fine" \
    ", \"io\": { \"backend\": \"$([ -n "$emulator" ] && echo epoll || echo iocp)\" }"
wrong other_system 'other_system.json:6: io.backend'

# ---- large inputs cost little time and memory
if [ -z "$emulator$sanitized" ]; then
    long=$(printf 'k%.0s' {1..20480})
    ones=$(printf '1,%.0s' {1..100000})
    printf '{ "plugin_directory": "%s", "listeners": [ { "listen": "127.0.0.1:0", "plugin": "echo", "settings": { "%s": [%s 1] } } ] }' "$plugin_directory" "$long" "$ones" >long_key.json
    (ulimit -v 600000 && exec timeout 20 "${host[@]}" check long_key.json) >long_key.out 2>&1
    if [ $? -eq 2 ] && grep -q '^host: long_key.json:1: .*: unknown setting of this plugin' \
        long_key.out; then
        ok 'a long key before many elements'
    else
        cut -c1-200 long_key.out >long_key.short
        fail 'a long key before many elements' long_key.short
    fi
    { echo '{ "listeners": ['; printf '{ "x": 1 },\n%.0s' {1..150000}; echo '{} ] }'; } >many.json
    (ulimit -v 1000000 && exec timeout 20 "${host[@]}" check many.json) >many.out 2>&1
    if [ $? -eq 2 ] && [ "$(wc -l <many.out)" -eq 51 ] &&
        tail -n 1 many.out | grep -qx 'host: many.json: 449952 more mistakes not shown'; then
        ok 'of 450,002 mistakes 50 are printed, and how many more there are'
    else
        fail 'many mistakes' many.out
    fi
    { echo '{ "plugin_directory": "nowhere", "listeners": ['; printf \
        '{ "name": "n%d", "listen": "127.0.0.1:0", "plugin": "echo" },\n' {1..1000}; echo \
        '{ "listen": "127.0.0.1:0", "plugin": "echo" } ] }'; } >nowhere.json
    timeout 20 "${host[@]}" check nowhere.json >nowhere.out 2>&1
    if [ $? -eq 2 ] && [ "$(wc -l <nowhere.out)" -eq 51 ] &&
        tail -n 1 nowhere.out | grep -qx 'host: 951 more mistakes not shown'; then
        ok 'also of those that are found after the file was read'
    else
        fail 'many listeners without their plugin' nowhere.out
    fi
fi

# ---- plugins
config missing_plugin '"listen": "127.0.0.1:0", "plugin": "ecco"'
wrong missing_plugin "ecco$module"
mkdir -p junk
echo 'This is a text file.' >"junk/text$module"
: >"junk/empty$module"
head -c 5000 "$plugins/echo$module" >"junk/short$module"
for junk in text empty short; do
    config "junk_$junk" "\"listen\": \"127.0.0.1:0\", \"plugin\": \"$junk\""
    sed -i "s|\"plugin_directory\": \"[^\"]*\"|\"plugin_directory\": \"junk\"|" "junk_$junk.json"
    wrong "junk_$junk" "$junk$module"
done
# The processor in the file's header is changed to aarch64.
cp "$plugins/echo$module" "junk/other$module"
if [ -n "$emulator" ]; then
    at=$(($(od -An -tu4 -j60 -N4 "junk/other$module") + 4)) bytes='\x64\xaa'
else
    at=18 bytes='\xb7\x00'
fi
printf "$bytes" | dd of="junk/other$module" bs=1 seek="$at" conv=notrunc status=none
config junk_other '"listen": "127.0.0.1:0", "plugin": "other"'
sed -i "s|\"plugin_directory\": \"[^\"]*\"|\"plugin_directory\": \"junk\"|" junk_other.json
wrong junk_other 'built for another processor (aarch64'
if [ -z "$emulator" ]; then
    config needy_lost '"listen": "127.0.0.1:0", "plugin": "needy_lost"'
    wrong needy_lost 'link the plugin with an rpath of $ORIGIN'
fi
config no_directory "$fine"
sed -i 's|"plugin_directory": "[^"]*"|"plugin_directory": "nowhere"|' no_directory.json
wrong no_directory 'nowhere'
config other_major '"listen": "127.0.0.1:0", "plugin": "bad_other_major"'
wrong other_major 'version 5.0 of the plugin ABI'
config other_minor '"listen": "127.0.0.1:0", "plugin": "bad_other_minor"'
wrong other_minor 'of the plugin ABI, this host speaks'
config null_module '"listen": "127.0.0.1:0", "plugin": "bad_null_module"'
wrong null_module 'of the plugin ABI'
config no_entry '"listen": "127.0.0.1:0", "plugin": "bad_no_entry"'
wrong no_entry 'portico_plugin_query'
config unknown_flag '"listen": "127.0.0.1:0", "plugin": "bad_unknown_flag"'
wrong unknown_flag 'unknown flags'
config no_name '"listen": "127.0.0.1:0", "plugin": "bad_no_name"'
wrong no_name 'name'
config dots '"listen": "127.0.0.1:0", "plugin": ".."'
wrong dots 'listeners[0].plugin'
number=0
for name in '../echo' 'sub/echo' 'a..b' 'sub\\\\echo' 'c:echo' '/etc/passwd'; do
    number=$((number + 1))
    config "separator_$number" \
        "\"listen\": \"127.0.0.1:0\", \"plugin\": \"$(sed 's/\\\\\\\\/\\\\/' <<<"$name")\""
    wrong "separator_$number" 'listeners[0].plugin'
done
config create_fails '"listen": "127.0.0.1:0", "plugin": "bad_create_fails"'
wrong create_fails 'the moon is in the wrong phase' start-only
config create_fails_mute '"listen": "127.0.0.1:0", "plugin": "bad_create_fails_mute"'
wrong create_fails_mute 'status -9' start-only

# ---- settings
config setting_unknown '"listen": "127.0.0.1:0", "plugin": "settings", "settings": { "lout": true }'
wrong setting_unknown 'lout'
config setting_type '"listen": "127.0.0.1:0", "plugin": "settings", "settings": { "loud": "very" }'
wrong setting_type 'listeners[0].settings.loud'
config setting_range '"listen": "127.0.0.1:0", "plugin": "settings", "settings": { "count": 11 }'
wrong setting_range 'listeners[0].settings.count'
config setting_mistakes '"listen": "127.0.0.1:0", "plugin": "settings",
    "settings": {
        "ranges": { "a": [1, 2],
                    "b": [2, 1],
                    "c": 3 } }'
wrong setting_mistakes 'listeners[0].settings.ranges.b: expected a range, [FROM, TO]'
wrong setting_mistakes 'listeners[0].settings.ranges.c: expected a range, [FROM, TO]'
config setting_kind '"listen": "127.0.0.1:0", "plugin": "settings", "settings": { "ranges": [] }'
wrong setting_kind 'listeners[0].settings.ranges: expected an object of ranges'
config setting_line "$fine, \"settings\": {
        \"print\": 1 }"
wrong setting_line 'setting_line.json:6'

# ---- addresses
config not_ours '"listen": "192.0.2.1:0", "plugin": "echo"'
wrong not_ours '192.0.2.1'
wrong not_ours 'name an address of this machine'
config no_such_name '"listen": "no-such-host.invalid:5000", "plugin": "echo"'
wrong no_such_name 'no-such-host.invalid'
config second_wrong \
    "$fine }, { \"name\": \"two\", \"listen\": \"192.0.2.1:0\", \"plugin\": \"echo\""
wrong second_wrong '"two"' # and the first one no longer listens: see "half started"

# A list: the entry is named, and the others no longer listen.
config list_empty '"listen": [], "plugin": "echo"'
wrong list_empty 'listeners[0].listen: found [], expected a list of 1 to 64 addresses'
config list_entry '"listen": ["127.0.0.1:0", "127.0.0.1"], "plugin": "echo"'
wrong list_entry 'listeners[0].listen[1]: found "127.0.0.1", expected "127.0.0.1:5000", with a port'
config list_twice '"listen": ["127.0.0.1:5000", "5000"], "plugin": "echo"'
wrong list_twice \
    'listeners[0].listen[1]: found "5000", expected an address that the list has only once'
config list_covered '"listen": ["127.0.0.1:5000", "0.0.0.0:5000"], "plugin": "echo"'
wrong list_covered \
    'listener "it": listen[1]: "0.0.0.0:5000" covers 127.0.0.1:5000, and so does listen[0]'
config list_not_ours '"listen": ["127.0.0.1:0",
        "192.0.2.1:0"], "plugin": "echo"'
wrong list_not_ours 'list_not_ours.json:6: listener "it": listen[1]: cannot listen on 192.0.2.1:0'
config list_name '"listen": ["127.0.0.1:0", "no-such-host.invalid:5000"], "plugin": "echo"'
wrong list_name 'listen[1]: cannot resolve "no-such-host.invalid"'

# Addresses as other programs write them: the message says what to write here.
address() { # NAME ADDRESS EXPECTED
    config "$1" "\"listen\": \"$2\", \"plugin\": \"echo\""
    wrong "$1" "$3"
}
address of_unix unix:/tmp/x \
    'found "unix:/tmp/x", expected a TCP address such as "127.0.0.1:5000": Unix sockets are not supported'
address of_scheme tcp://1.2.3.4:5 'found "tcp://1.2.3.4:5", expected "1.2.3.4:5"'
address of_page http://name:80/page 'expected "name:80"'
address of_star '*:80' \
    'expected "0.0.0.0:80" for all IPv4 addresses of this machine, or "[::]:80" for all IPv6 ones'
address of_colon ':80' 'expected "0.0.0.0:80"'
address of_bare 127.0.0.1 'expected "127.0.0.1:5000", with a port'
address of_v6 ::1:80 'expected "[::1]:80": an IPv6 address needs brackets'
if [ -z "$emulator" ] && [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null &&
    [ "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" -gt 80 ]; then
    chmod 755 .
    host_as_it_is=("${host[@]}")
    host=(setpriv --bounding-set=-net_bind_service --inh-caps=-net_bind_service "${host[@]}")
    config privileged '"listen": "127.0.0.1:80", "plugin": "echo"'
    wrong privileged \
        'a port below 1024 needs a right: use one from 1024 up, or give the program the right'
    host=("${host_as_it_is[@]}")
else
    echo 'left out: a port that needs a right'
fi

# ---- the log's file
config no_log_folder "$fine" ', "log": { "file": "nowhere/host.log" }'
wrong no_log_folder 'no_log_folder.json:6: log.file'
config no_access_folder "$fine" ', "log": { "access": "nowhere/access.log" }'
wrong no_access_folder 'no_access_folder.json:6: log.access'
config log_format "$fine" ', "log": { "format": "xml" }'
wrong log_format 'log_format.json:6: log.format: found "xml", expected "text" or "json"'
config log_rotate "$fine" ', "log": { "rotate": { "max_bytes": 0 } }'
wrong log_rotate 'log_rotate.json:6: log.rotate.max_bytes: found 0, expected a whole number'
config log_file "$fine" ', "log": { "file": "written/host.log" }'
mkdir written
if "${host[@]}" check log_file.json >log_file.out 2>&1 && [ ! -e written/host.log ]; then
    ok 'a check leaves no log file behind'
else
    fail 'a check with a log file fails, or makes the file' log_file.out
fi
echo 'an earlier line' >written/host.log
if "${host[@]}" check log_file.json >log_file.out 2>&1 &&
    [ "$(cat written/host.log)" = 'an earlier line' ]; then
    ok 'and writes nothing to one that is there'
else
    fail 'a check writes to the log file' written/host.log
fi
if start_host log_file; then
    ! stop_host log_file $stop_signal || ok 'the host stops'
    tr -d '\r' <written/host.log >log_file.text
    if head -n 1 log_file.text | grep -qx 'an earlier line' && grep -q ' ready$' log_file.text &&
        tail -n 1 log_file.text | grep -q ' stopped$'; then
        ok 'a start appends to it, from the first line to "stopped"'
    else
        fail 'the log file has not what was logged' written/host.log
    fi
fi

# ---- ports in use, by another instance and by another program
config first "$fine"
if start_host first; then
    port=$(port_of first it)
    config in_use "\"listen\": \"127.0.0.1:$port\", \"plugin\": \"echo\""
    wrong in_use "listen: cannot listen on 127.0.0.1:$port"
    wrong in_use 'another program'
    hint='if a running host has these addresses, leave them out: host check --no-ports in_use.json'
    if grep -q "$hint" in_use.check; then
        ok 'a check beside a running host says how to make it'
    else
        fail 'a check beside a running host does not say how to make it'
    fi
    config in_use_in_list "\"listen\": [\"127.0.0.1:0\", \"127.0.0.1:$port\"], \"plugin\": \"echo\""
    wrong in_use_in_list "listen[1]: cannot listen on 127.0.0.1:$port"
    if grep -q 'host check --no-ports in_use_in_list.json' in_use_in_list.check; then
        ok 'so does a check of a list'
    else
        fail 'a check of a list does not say how to make it' in_use_in_list.check
    fi
    if "${host[@]}" check in_use.json --no-ports >no_ports.out 2>&1; then
        ok 'check --no-ports does not try the address'
    else
        fail 'check --no-ports tries the address' no_ports.out
    fi
    if timeout 60 "${client[@]}" 127.0.0.1 "$port" --message hi --quiet >client.out 2>&1; then
        ok 'the first instance serves on'
    else
        fail 'the first instance was disturbed' client.out
    fi
    ! stop_host first $stop_signal || ok 'and stops'
    # One address in two spellings: the two listeners collide with each other and with no other
    # socket.
    config twice "\"listen\": \"127.0.0.1:$port\", \"plugin\": \"echo\" },
      { \"name\": \"other\", \"listen\": \"127.1:$port\", \"plugin\": \"echo\""
    wrong twice "listener \"other\": listen: cannot listen on 127.0.0.1:$port"
fi
if command -v socat >/dev/null; then
    # The same port again, held by a foreign program.
    socat "TCP-LISTEN:$port,bind=127.0.0.1,reuseaddr,fork" SYSTEM:cat 2>socat.log &
    started_pids+=($!)
    if eventually 20 grep -q ":$(printf %04X "$port") 00000000:0000 0A" /proc/net/tcp; then
        wrong in_use "127.0.0.1:$port"
    else
        fail 'socat does not listen' socat.log
    fi
fi

# ---- the command line
usage() { # EXPECTED-CODE TEXT ARGUMENT...
    local expected=$1 text=$2
    shift 2
    timeout 60 "${host[@]}" "$@" >usage.out 2>&1
    code=$?
    if [ "$code" -ne "$expected" ]; then
        fail "host $*: exit code $code, expected $expected" usage.out
    elif ! grep -qF -- "$text" usage.out; then
        fail "host $*: nothing says \"$text\"" usage.out
    else
        ok "host $*: exit code $code"
    fi
}
usage 2 'nowhere.json' --config nowhere.json
usage 2 'nowhere.json' check nowhere.json
usage 2 '.' --config .
usage 0 '--config' --help
usage 0 'no-ports' check --help
usage 0 'portico ' --version
usage 2 'host: The following argument was not expected: --wrong' --wrong
usage 2 'see host --help' --wrong
usage 2 'one-too-many' check first.json one-too-many
usage 2 '--config' --config
usage 2 'serv' serv
usage 2 'the commands are check, status, drain, log-level, reopen-log, verify, plugins' serv
usage 2 'to serve it: host --config first.json; to check it: host check first.json' first.json
usage 2 'did you mean --config?' --conf first.json
usage 2 'did you mean --config?' -c first.json
usage 2 'did you mean --no-ports?' check first.json --no-port
usage 0 'fine' check first.json
usage 0 'fine' check first.json --no-ports
usage 0 'fine' check --config first.json
usage 2 'name one' --config first.json check first.json
if [ -z "$emulator" ]; then
    for arguments in --version --help 'check first.json'; do
        "${host[@]}" $arguments 2>full.err >/dev/full
        full=$?
        "${host[@]}" $arguments 2>closed.err >&-
        closed=$?
        # The reader has gone before the first word.
        exec 5> >(exec true)
        wait $!
        "${host[@]}" $arguments 2>gone.err >&5
        gone=$?
        exec 5>&-
        said=$(grep -l 'standard output cannot be written' full.err closed.err gone.err | wc -l)
        if [ "$full$closed$gone$said" = 1113 ]; then
            ok "host $arguments: output that does not arrive is said"
        else
            fail "host $arguments: exit codes $full, $closed and $gone" full.err closed.err gone.err
        fi
    done
fi
for arguments in --help 'check --help'; do
    usage 0 'Exit codes' $arguments
    longest=$(tr -d '\r' <usage.out |
        awk 'length > longest { longest = length } END { print longest }')
    if [ "$longest" -le 100 ]; then
        ok "host $arguments fits 100 columns"
    else
        fail "host $arguments has lines that are too long" usage.out
    fi
done

finish
