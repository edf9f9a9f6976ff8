# Shared by the scripts of this folder. Sourced with the arguments of the test.
source "$(dirname "${BASH_SOURCE[0]}")/../integration/common.sh"
need curl

# The backends that this system has.
if [ -n "$emulator" ]; then backends=(auto); else backends=(epoll io_uring); fi

# config NAME [BACKEND] [ADMIN-MEMBERS] [PLUGIN]: NAME.json with two listeners and the endpoint.
config() {
    cat >"$1.json" <<JSON
{ "plugin_directory": "$plugin_directory",
  "io": { "backend": "${2:-auto}", "threads": 2 },
  "listeners": [
    { "name": "it", "listen": "127.0.0.1:0", "plugin": "${4:-echo}",
      "framing": { "type": "delimiter", "delimiter": "\n" } },
    { "name": "other", "listen": "127.0.0.1:0", "plugin": "echo" } ],
  "admin": { "listen": "127.0.0.1:0"${3:+, $3} },
  "shutdown": { "drain_ms": 1000 } }
JSON
}

# fixed_port NAME: the commands find the address in the configuration, so it needs a real port: the
# one that the system has just given away.
fixed_port() {
    local free
    free=$(python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])') || skip 'python3 is not installed'
    sed -i "/\"admin\"/s/127.0.0.1:0/127.0.0.1:$free/" "$1.json"
}

# ask PATH [CURL-OPTION...]: what the endpoint on $port answers.
ask() {
    local path=$1
    shift
    curl --silent --show-error --max-time 30 "$@" "http://127.0.0.1:$port$path"
}
# status PATH [CURL-OPTION...]: the status of the answer alone.
status() { ask "$1" --output /dev/null --write-out '%{http_code}' "${@:2}"; }
post() { ask "$1" --header 'Content-Type: application/json' --data "$2" "${@:3}"; }
post_status() { status "$1" --header 'Content-Type: application/json' --data "$2" "${@:3}"; }

# json EXPRESSION: of the document d on standard input, in Python.
json() { python3 -c "import json, sys; d = json.load(sys.stdin); print($1)"; }
state_of() {
    ask /api/status | json "next(l['state'] for l in d['listeners'] if l['name'] == '$1')"
}
