#!/usr/bin/env bash
# The three commands of packaging/windows/README.txt, in the folder of the unpacked zip, under Wine:
# the host starts with the configuration that it has, and the client has all its replies. Ports 5000
# to 5002 must be free; otherwise nothing is tried.
#
#   windows_readme.sh FOLDER
set -euo pipefail
cd "$1"
for port in 5000 5001 5002; do
    if (exec 9<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
        echo "SKIPPED: port $port is in use"
        exit 0
    fi
done
mapfile -t commands < <(tr -d '\r' <README.txt | sed -n '/^Three commands/,/^The host/s/^    //p')
[ "${#commands[@]}" -eq 3 ] || { echo "not three commands: ${commands[*]}"; exit 1; }
[ "${commands[1]}" = 'start host.exe' ] || { echo "unexpected: ${commands[1]}"; exit 1; }
wine host.exe >host.out 2>host.log &
pid=$!
trap 'kill -KILL $pid 2>/dev/null || true; rm -f host.out host.log client.log' EXIT
deadline=$((SECONDS + 60))
until grep -q ' ready' host.log; do
    kill -0 $pid 2>/dev/null && [ $SECONDS -lt $deadline ] || { cat host.log; exit 1; }
    sleep 0.1
done
read -ra words <<<"${commands[2]}"
wine "${words[@]}" >client.log 2>&1 || { tail -n 30 client.log; exit 1; }
grep -E '^(received|wrong|lost) ' client.log | tr -d '\r'
kill -INT $pid
wait $pid || { tail host.log; exit 1; }
echo "the README's three commands work"
