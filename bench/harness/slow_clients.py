#!/usr/bin/python3
"""Clients of an HTTP server that never come to the end of their request: slow_clients.py PORT COUNT

Each sends a byte a second, and comes again when it has been cut. Prints "open" when all have begun,
and runs until it is killed.
"""
import contextlib
import selectors
import socket
import sys
import time

REQUEST = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100_000


class Client:
    def __init__(self, port, selector):
        self.sent = 0
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.connect_ex(("127.0.0.1", port))
        selector.register(self.socket, selectors.EVENT_READ, self)

    def send_byte(self):
        with contextlib.suppress(OSError):  # not connected yet, or cut: then select() says so
            self.socket.send(REQUEST[self.sent:self.sent + 1])
            self.sent += 1

    def is_cut(self):
        try:
            return not self.socket.recv(4096)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def close(self, selector):
        selector.unregister(self.socket)
        self.socket.close()


def main():
    port, count = int(sys.argv[1]), int(sys.argv[2])
    with selectors.DefaultSelector() as selector:
        clients = [Client(port, selector) for _ in range(count)]
        print("open", flush=True)
        turn, due = 0, time.monotonic()
        while True:
            for key, _ in selector.select(max(0, due - time.monotonic())):
                client = key.data
                if client.is_cut():
                    client.close(selector)
                    clients[clients.index(client)] = Client(port, selector)
            while due <= time.monotonic():
                clients[turn].send_byte()
                turn = (turn + 1) % count
                due += 1 / count


if __name__ == "__main__":
    main()
