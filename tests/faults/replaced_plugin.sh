#!/usr/bin/env bash
# An operator changes the files of plugins while the host serves: copies a new one over the old one,
# cuts one short, removes one. The host goes on with what it has loaded, and the next start takes
# the files as they are.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# Where temporary files go. Under Wine its registry says where, and hosts of other tests may have
# left something there.
mkdir -p plugins temporary
export TMPDIR=$work/temporary
temporary=temporary
if [ -n "$emulator" ]; then
    temporary=$("$emulator" winepath -u "$("$emulator" cmd /c 'echo %TEMP%' | tr -d '\r')")
    rm -rf "$temporary"/portico-plugins-*
fi
plugin_directory=$(native_path "$work/plugins")

fresh_plugins() {
    local name
    for name in echo ack never_drains needy needed; do cp -f "$plugins/$name$module" plugins/; done
}
folders() { find "$temporary" plugins -mindepth 1 -maxdepth 1 -name 'portico-plugins-*' | wc -l; }
serves() { # PORT
    "${client[@]}" 127.0.0.1 "$1" --size 1-5000 --connections 4 --count 20 \
        --timeout 20s >serves.out 2>&1
}

# ---- while it serves
fresh_plugins
config serving '{ "name": "one", "listen": "127.0.0.1:0", "plugin": "echo" },
                { "name": "two", "listen": "127.0.0.1:0", "plugin": "echo" },
                { "name": "ack", "listen": "127.0.0.1:0", "plugin": "ack" },
                { "name": "needy", "listen": "127.0.0.1:0", "plugin": "needy" }' \
                    '"log": { "level": "debug" }'
if start_host serving; then
    port=$(port_of serving one)
    if grep -q "plugins[/\\\\]echo$module" serving.log; then
        ok 'the log names the original'
    else
        fail 'the log does not name the plugin that was configured' serving.log
    fi
    if [ "$(folders)" -eq 1 ]; then
        ok 'one folder holds the copies'
    else
        fail "$(folders) folders hold copies" serving.log
    fi
    start_load serving "$port" --size 1-5000 --connections 8 $for_long
    eventually 60 has_clients serving 8 || fail 'the clients do not come' serving.log
    # Overwrites the same file, with the same inode, as cp does.
    overwritten=1
    cat "$plugins/ack$module" 2>/dev/null >"plugins/echo$module" || overwritten=
    serves "$port" || overwritten=
    if [ -n "$overwritten" ]; then
        ok 'another plugin is copied over a loaded one'
    else
        fail 'a plugin is overwritten' serving.log serves.out
    fi
    if truncate -s 100 "plugins/echo$module" && truncate -s 0 "plugins/ack$module" &&
        serves "$port"; then
        ok 'loaded plugins are cut short'
    else
        fail 'plugins are cut short' serving.log serves.out
    fi
    # The library that it needs lies beside it, and was copied with it. This is the first call into
    # it.
    if truncate -s 0 "plugins/needy$module" "plugins/needed$module" &&
        "${client[@]}" 127.0.0.1 "$(port_of serving needy)" --message hi \
        --expect text:needed >needy.out 2>&1; then
        ok 'a plugin and what it needs are cut short'
    else
        fail 'a plugin with a library beside it is cut short' serving.log needy.out
    fi
    if rm "plugins/echo$module" && cp "$plugins/ack$module" "plugins/echo$module" &&
        serves "$port"; then
        ok 'a loaded plugin is removed and replaced'
    else
        fail 'a plugin is removed' serving.log serves.out
    fi
    load_was_right serving "$load_pid" && ok 'the load before and after has had every reply'
    ! stop_host serving $stop_signal || ok 'the stop is as ever'
    if [ "$(folders)" -eq 0 ]; then
        ok 'no folder is left after the stop'
    else
        fail 'a folder is left after the stop' serving.log
    fi
fi

# The next start loads what is there now: a file that is cut short is refused with the reason, a
# whole one is served.
fresh_plugins
truncate -s 3000 "plugins/echo$module"
timeout 60 "${host[@]}" check serving.json >cut.out 2>&1
code=$?
if [ "$code" -eq 2 ] && grep -q "echo$module" cut.out && [ "$(folders)" -eq 0 ]; then
    ok 'a plugin that is cut short is refused, and the check leaves nothing behind'
else
    fail "a plugin that is cut short: exit code $code" cut.out
fi
cp -f "$plugins/ack$module" "plugins/echo$module"
cp serving.json again.json
if start_host again; then
    if "${client[@]}" 127.0.0.1 "$(port_of again one)" --message hi \
        --expect 'text:Message received successfully' >ack.out 2>&1; then
        ok 'the next start serves the new file'
    else
        fail 'the next start does not serve the new file' again.log ack.out
    fi
    ! stop_host again $stop_signal || ok 'and stops'
fi

# ---- what a killed host leaves behind
fresh_plugins
config killed '{ "name": "one", "listen": "127.0.0.1:0", "plugin": "echo" }'
if start_host killed; then
    kill -KILL "$host_pid"
    wait_gone "$host_pid" 60
    [ "$(folders)" -eq 1 ] || fail "$(folders) folders after a kill" killed.log
    # Another running host keeps its own.
    cp killed.json beside.json
    if start_host beside; then
        if [ "$(folders)" -eq 1 ]; then
            ok 'a start removes what a killed host left behind'
        else
            fail 'the leftover is still there' beside.log
        fi
        beside_pid=$host_pid
        cp killed.json second.json
        if start_host second; then
            if [ "$(folders)" -eq 2 ]; then
                ok 'and leaves alone what a running host has'
            else
                fail "$(folders) folders of two hosts" second.log
            fi
            ! stop_host second $stop_signal || ok 'the second stops'
        fi
        host_pid=$beside_pid
        if serves "$(port_of beside one)"; then
            ok 'the first one serves on'
        else
            fail 'the first one was disturbed' beside.log
        fi
        ! stop_host beside $stop_signal || ok 'and stops'
        if [ "$(folders)" -eq 0 ]; then
            ok 'nothing is left'
        else
            fail 'a folder is left' beside.log
        fi
    fi
fi

# ---- a library that stays loaded until the process ends
config stays '{ "name": "one", "listen": "127.0.0.1:0", "plugin": "never_drains" }' \
    '"shutdown": { "drain_ms": 100 }'
if start_host stays; then
    if truncate -s 10 "plugins/never_drains$module"; then
        ok 'it can be replaced too'
    else
        fail 'it cannot be replaced' stays.log
    fi
    ! stop_host stays $stop_signal || ok 'it stops'
    # Windows does not delete the file of a loaded library; the next start does.
    if [ -z "$emulator" ] && [ "$(folders)" -ne 0 ]; then fail 'its folder is left' stays.log; fi
    if "${host[@]}" check killed.json >stays.out 2>&1 && [ "$(folders)" -eq 0 ]; then
        ok 'its folder is gone at the latest after the next start'
    else
        fail 'its folder is left after the next start' stays.out
    fi
fi

# ---- a plugin that works only from its own place
if [ -z "$emulator" ]; then
    plugin_directory=$plugins config outside \
        '{ "name": "one", "listen": "127.0.0.1:0", "plugin": "needy_outside" }'
    if start_host outside; then
        if grep -q 'needy_outside.so is loaded from that very file' outside.log &&
            "${client[@]}" 127.0.0.1 "$(port_of outside one)" --message hi \
            --expect text:needed >outside.out 2>&1; then
            ok 'a plugin whose copy does not load is served from its own file, and that is told'
        else
            fail 'a plugin whose copy does not load' outside.log outside.out
        fi
        ! stop_host outside $stop_signal || ok 'and it stops'
    fi
fi

# ---- places that cannot hold the copies
if [ -z "$emulator" ]; then
    export TMPDIR=$work/nowhere
    cp killed.json nowhere.json
    if start_host nowhere; then
        if grep -q "private copies are in .*$work/nowhere: No such file" nowhere.log &&
            serves "$(port_of nowhere one)"; then
            ok 'a temporary folder that is not there is told, and another one taken'
        else
            fail 'a missing temporary folder' nowhere.log
        fi
        ! stop_host nowhere $stop_signal || ok 'and it stops'
    fi
    # In a mount namespace of its own, if this user may have one.
    export TMPDIR=$work/noexec
    mkdir -p noexec
    cp killed.json forbidden.json
    if unshare -m mount -t tmpfs -o noexec none "$work/noexec" 2>/dev/null; then
        host=(unshare -m sh -c 'mount -t tmpfs -o noexec none "$1" && shift && exec "$@"' sh \
            "$work/noexec" "${host[@]}")
        if start_host forbidden; then
            if grep -q "private copies are in .*$work/noexec: mounted noexec" forbidden.log &&
                serves "$(port_of forbidden one)"; then
                ok 'a place that forbids execution is told, and another one taken'
            else
                fail 'a place that forbids execution' forbidden.log
            fi
            ! stop_host forbidden $stop_signal || ok 'and it stops'
        fi
    else
        echo 'not tried: this user may not mount a folder that forbids execution'
    fi
fi
finish
