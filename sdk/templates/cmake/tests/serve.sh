#!/bin/sh
# Serves the plugin with a real host, on a free port, and has the client hold the dialogue of
# verify.json with it, on eight connections at once.
#   serve.sh HOST CLIENT PLUGIN-DIRECTORY [EMULATOR]
set -eu
host=$1 client=$2 plugins=$3 emulator=${4:-}
project=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
pid=
end() {
    [ -z "$pid" ] || kill "$pid" 2>/dev/null || true
    wait
    rm -rf "$work"
}
trap end EXIT

# The project's configuration, with a port of the system's choice. (Wine's drive z: is the root.)
[ -z "$emulator" ] || plugins=z:$plugins
sed -e 's/\("listen": *"[^"]*\):[0-9]*"/\1:0"/' \
    -e "s|\"plugin_directory\": *\"[^\"]*\"|\"plugin_directory\": \"$plugins\"|" \
    "$project/host.json" >"$work/host.json"
cp "$project/verify.json" "$work"
cd "$work"
$emulator "$host" --config host.json >out 2>log &
pid=$!
seconds=0
until grep -q ' ready' log; do
    if [ $seconds -eq 60 ] || ! kill -0 $pid 2>/dev/null; then
        cat log
        exit 1
    fi
    sleep 1
    seconds=$((seconds + 1))
done
port=$(sed -n 's/.* listening on .*:\([0-9]*\).*/\1/p' log)
$emulator "$client" 127.0.0.1 "$port" --script verify.json --connections 8 --count 100
