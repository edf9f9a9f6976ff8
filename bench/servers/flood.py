#!/usr/bin/env python3
"""Floods an echo server on 127.0.0.1 with peers that do not read. It must stop reading, survive the
peers that reset, and lose nothing of the one that reads in the end.

    bench/servers/flood.py PORT [--hold]

--hold: one such peer stays, prints "full" when the server takes nothing more, and ends with
standard input."""

import select
import socket
import struct
import sys

STREAM_BYTES = 64 * 1024 * 1024  # more than all socket buffers between the two hold
QUIET_S = 1.0
PIECE = bytes(range(256)) * 251  # its length is no power of two, so misplaced bytes show


def expected(offset: int, size: int) -> bytes:
    start = offset % len(PIECE)
    return (PIECE * (size // len(PIECE) + 2))[start : start + size]


def flood(port: int) -> tuple[socket.socket, int]:
    """Sends until the server has taken nothing for a while."""
    peer = socket.create_connection(("127.0.0.1", port), timeout=10)
    peer.setblocking(False)
    sent = 0
    while select.select([], [peer], [], QUIET_S)[1]:
        assert sent < STREAM_BYTES, f"the server took {sent} bytes of a peer that does not read"
        sent += peer.send(expected(sent, 65536))
    return peer, sent


def main() -> None:
    port = int(sys.argv[1])
    if "--hold" in sys.argv[2:]:
        peer, _sent = flood(port)
        print("full", flush=True)
        sys.stdin.read()
        return
    for _ in range(3):
        peer, _sent = flood(port)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()  # a reset
    peer, sent = flood(port)
    peer.settimeout(10)
    peer.shutdown(socket.SHUT_WR)
    received = 0
    while data := peer.recv(1 << 20):
        assert data == expected(received, len(data)), f"wrong bytes behind {received}"
        received += len(data)
    assert received == sent, f"{received} of {sent} bytes came back"
    print(f"{sent} bytes came back")


main()
