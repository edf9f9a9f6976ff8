#!/usr/bin/env bash
# A plugin in C++ throws in each of its callbacks. The wrapper catches that: the log says where and
# what, the connection is closed, the other connections and the host go on.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

on_connections="on_open on_data nothing_known no_memory status on_writable on_end on_close"
on_connections+=" post timer work done"
{
    echo "{ \"plugin_directory\": \"$plugin_directory\", \"shutdown\": { \"drain_ms\": 5000 },"
    echo "  \"listeners\": ["
    for name in nothing on_drain on_stop $on_connections; do
        echo "  { \"name\": \"$name\", \"listen\": \"127.0.0.1:0\", \"plugin\": \"throws\","
        echo "    \"limits\": { \"send_queue_bytes\": 65536 },"
        echo "    \"settings\": { \"in\": \"$name\" } },"
    done | sed '$ s/,$//'
    echo "] }"
} >it.json
start_host it || finish
lines() { tr -d '\r' <it.log | grep -c -- "$1"; } # PATTERN
is_logged() { [ "$(lines "$1")" -ge 1 ]; }

# exchange LISTENER: sends two bytes, ends its side, and reads until the host closes.
exchange() {
    exec 9<>"/dev/tcp/127.0.0.1/$(port_of it "$1")" || return 1
    printf 'hi' >&9 2>/dev/null
    timeout 30 cat <&9 >reply.txt 2>/dev/null
    code=$?
    exec 9>&-
    [ "$code" -ne 124 ]
}
for name in $on_connections; do
    # on_end: the end of the stream must come, so this one closes its side
    if [ "$name" = on_end ] || [ "$name" = on_close ]; then
        printf 'hi' >"/dev/tcp/127.0.0.1/$(port_of it "$name")"
    elif exchange "$name"; then
        ok "$name: the connection is closed"
    else
        fail "$name: the connection is still open" it.log
    fi
done
expect() { # LISTENER PATTERN
    if eventually 20 is_logged "listener=$1 .*conn=[0-9a-f]* $2"; then
        ok "$1: the log says what was thrown"
    else
        fail "$1: the log does not say \"$2\"" it.log
    fi
}
for name in on_open on_data on_writable on_end on_close; do
    expect "$name" "$name threw: thrown in $name"
done
expect post 'a posted function threw: thrown in post'
expect timer '.* threw: thrown in timer'
expect work 'blocking work threw: thrown in work'
expect done 'the function after blocking work threw: thrown in done'
expect nothing_known 'on_data threw: something that is no std::exception'
expect status 'on_data threw: not a protocol of mine'
expect status 'on_data returned .*PORTICO_PROTOCOL_ERROR (-12)'
expect no_memory 'on_data returned .*PORTICO_NO_MEMORY (-7)'
expect on_data 'on_data returned .*PORTICO_ERROR (-1)'

# The others still serve.
exec 8<>"/dev/tcp/127.0.0.1/$(port_of it nothing)"
printf 'hello' >&8
if [ "$(timeout 30 head -c 5 <&8)" = hello ]; then
    ok 'another listener answers'
else
    fail 'another listener does not answer' it.log
fi
exec 7<>"/dev/tcp/127.0.0.1/$(port_of it on_drain)"
printf 'hello' >&7
timeout 30 head -c 5 <&7 >reply.txt

! stop_host it $stop_signal || ok 'the host stops in order'
exec 8>&- 7>&-
expect on_drain 'on_drain threw: thrown in on_drain'
if is_logged 'listener=on_stop .*on_stop threw: thrown in on_stop'; then
    ok 'on_stop: the log says what was thrown'
else
    fail 'on_stop: nothing in the log' it.log
fi

# What create and validate throw is the reason why the host does not start.
refuses() { # NAME COMMAND...
    local name=$1
    shift
    cat >it_"$name".json <<JSON
{ "plugin_directory": "$plugin_directory",
  "listeners": [ { "listen": "127.0.0.1:0", "plugin": "throws", "settings": { "in": "$name" } } ] }
JSON
    if ! timeout 60 "${host[@]}" "$@" "it_$name.json" >refused.log 2>&1 &&
        grep -q "thrown in $name" refused.log; then
        ok "$name: the text is the reason"
    else
        fail "$name: the text is not given" refused.log
    fi
}
refuses create --config
refuses validate check
cat >it_none.json <<JSON
{ "plugin_directory": "$plugin_directory",
  "listeners": [ { "listen": "127.0.0.1:0", "plugin": "throws" } ] }
JSON
if ! timeout 60 "${host[@]}" check it_none.json >refused.log 2>&1 &&
    grep -q 'this setting is required' refused.log; then
    ok 'a setting that is required and missing is named'
else
    fail 'nothing is said of the missing setting' refused.log
fi
finish
