#!/usr/bin/python3
"""Reads a host's metrics ten times a second: scraper.py PORT

Prints "open" when it has begun, and runs until it is killed.
"""
import socket
import sys
import time

REQUEST = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Scraper:
    """A connection that stays open."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)

    def scrape(self):
        """The seconds that it took, and the bytes of the text."""
        begun = time.monotonic()
        self.socket.sendall(REQUEST)
        data = bytearray()
        while b"\r\n\r\n" not in data:
            data += self._receive()
        head, _, body = bytes(data).partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise ConnectionError(f"a scrape was answered by {head[:80]!r}")
        size = next(int(line.split(b":")[1]) for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length:"))
        left = size - len(body)
        while left > 0:
            left -= len(self._receive())
        return time.monotonic() - begun, size

    def _receive(self):
        if piece := self.socket.recv(1 << 20):
            return piece
        raise ConnectionError("a scrape was cut")


def main():
    scraper = Scraper(int(sys.argv[1]))
    scraper.scrape()
    print("open", flush=True)
    while True:
        scraper.scrape()
        time.sleep(0.1)


if __name__ == "__main__":
    main()
