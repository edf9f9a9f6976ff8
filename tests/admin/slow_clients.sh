#!/usr/bin/env bash
# Clients that send slowly, read nothing, or come in crowds do not stop the admin endpoint, and are
# cut.
source "$(dirname "${BASH_SOURCE[0]}")/admin_common.sh"
need python3

config it
start_host it || finish
port=$(port_of it admin)

cat >clients.py <<'PYTHON'
import socket, sys, time
port = int(sys.argv[1])

def connected():
    s = socket.create_connection(("127.0.0.1", port), 30)
    s.settimeout(30)
    return s

def answer(s):
    data = b""
    while True:
        part = s.recv(65536)
        if not part:
            return data
        data += part

# A header that never ends: 408 at the deadline of the request, however often a byte comes.
slow = connected()
slow.sendall(b"GET /live HTTP/1.1\r\nHost: localhost\r\n")
# The same for a body.
body = connected()
body.sendall(b"POST /api/drain HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
             b"Content-Length: 100\r\n\r\n{")
began = time.monotonic()
for _ in range(10):
    slow.sendall(b"X: y\r\n")
    time.sleep(0.1)
assert answer(slow).startswith(b"HTTP/1.1 408 "), "no 408 for a slow header"
took = time.monotonic() - began
assert 2 < took < 20, took
assert answer(body).startswith(b"HTTP/1.1 408 "), "no 408 for a slow body"
print("slow requests end in 408")

# One that asks again and again and reads nothing is held, and then cut.
deaf = connected()
deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
deaf.setblocking(False)
page = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
sent = 0
until = time.monotonic() + 60
while True:
    try:
        sent += deaf.send(page * 100)
    except BlockingIOError:
        time.sleep(0.1)
    except OSError:
        break
    assert time.monotonic() < until, "a deaf client is never cut"
assert sent < 64 << 20, sent
print("a deaf client is cut")

# Below the limit, an operator gets in beside a crowd of slow clients. More than it: the others
# wait, nobody is harmed.
crowd = [connected() for _ in range(1000)]
for s in crowd:
    s.sendall(b"GET /live HTTP/1.1\r\n")
beside = connected()
beside.sendall(b"GET /live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
assert answer(beside).startswith(b"HTTP/1.1 200 "), "nobody gets in beside a crowd"
crowd += [connected() for _ in range(100)]
for s in crowd[:1024]:
    s.close()
last = crowd[-1]
last.sendall(b"GET /live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
assert answer(last).startswith(b"HTTP/1.1 200 "), "the last of a crowd is not served"
print("a crowd is served, to its last")
PYTHON
if timeout 120 python3 clients.py "$port" >clients.txt 2>&1; then
    while IFS= read -r line; do ok "$line"; done <clients.txt
else
    fail 'slow clients' clients.txt it.log
fi
same 'it still answers' 200 "$(status /ready)"
stop_host it "$stop_signal" && ok 'it stops'
finish
