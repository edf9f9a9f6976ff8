#!/usr/bin/python3
"""Holds idle connections open: holder.py PORT COUNT

Prints "open" when all are open. For each line "echo" on standard input it sends 64 bytes over each,
one after the other, waits for their echo and prints "echoed". At the end of its input it resets
them all (a close would leave the ports waiting) and ends.
"""
import resource
import socket
import struct
import sys

MESSAGE = bytes(range(64))


def main():
    port, count = int(sys.argv[1]), int(sys.argv[2])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    connections = []
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", port), timeout=20)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connections.append(connection)
    print("open", flush=True)
    for _ in sys.stdin:
        for connection in connections:
            connection.sendall(MESSAGE)
            received = b""
            while len(received) < len(MESSAGE):
                piece = connection.recv(len(MESSAGE))
                if not piece:
                    sys.exit("a connection was closed")
                received += piece
            if received != MESSAGE:
                sys.exit("a reply is wrong")
        print("echoed", flush=True)


if __name__ == "__main__":
    main()
