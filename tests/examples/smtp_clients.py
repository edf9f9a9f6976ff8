#!/usr/bin/env python3
"""Clients of examples/smtp_sink, from polite to hostile. Prints a line for each that went well, and
ends with the first that did not.

    smtp_clients.py dialogues PORT SMALL_PORT   what a client may do, right and wrong
    smtp_clients.py timeouts STATE=PORT...      nothing more, once the state is reached
    smtp_clients.py stop PORT READY_FILE        is in the middle of something when the host stops
"""

import pathlib
import select
import smtplib
import socket
import struct
import sys
import threading
import time

ANNOUNCED = "250-mx.example\n250-PIPELINING\n250-SIZE {}\n250-8BITMIME\n250 ENHANCEDSTATUSCODES"
HELLO = b"EHLO me\r\n"
MAIL = b"MAIL FROM:<%s@example.org>\r\n"
RCPT = b"RCPT TO:<bob@example.org>\r\n"
# Stuffed, with all that looks like an end and is none.
TEXT = b"..\r\n...a\r\n\r\n.\r.\n\r\na\n.\n\r\nb\r.\r\r\n..\r\n"
END = b".\r\n"
DEADLINE_S = 60


class Client:
    def __init__(self, port, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(DEADLINE_S)
        self.begun = time.monotonic()  # the last step of `into`
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.left = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *pieces):
        for piece in pieces:
            self.socket.sendall(piece)

    def line(self):
        while b"\n" not in self.left:
            some = self.socket.recv(65536)
            if not some:
                raise EOFError(f"the host closed after {self.left!r}")
            self.left += some
        line, self.left = self.left.split(b"\n", 1)
        assert line.endswith(b"\r"), line
        return line[:-1].decode()

    def reply(self):
        lines = [self.line()]
        while lines[-1][3:4] == "-":
            lines.append(self.line())
        return "\n".join(lines)

    def expect(self, *replies):
        """Each of the next replies is, or begins with, one of these."""
        for expected in replies:
            found = self.reply()
            assert found.startswith(expected), f"expected {expected!r}, found {found!r}"

    def expect_end(self):
        assert self.left == b"" and self.socket.recv(1) == b"", "the host says more"

    def into(self, state, sender=b"ann"):
        """Leads the dialogue into a state. The replies are checked."""
        self.expect("220 mx.example ESMTP")
        steps = [(HELLO, "250-"), (MAIL % sender, "250 2.1.0"), (RCPT, "250 2.1.5"),
                 (b"DATA\r\n", "354")]
        for send, expected in steps[:["hello", "mail", "rcpt", "data", "text"].index(state)]:
            self.begun = time.monotonic()
            self.send(send)
            self.expect(expected)
        return self


def polite(port, _):
    """a dialogue, step by step"""
    with Client(port) as client:
        client.expect("220 mx.example ESMTP")
        client.send(HELLO)
        client.expect(ANNOUNCED.format(6000000))
        for send, expected in [(MAIL % b"polite", "250 2.1.0"), (RCPT, "250 2.1.5"),
                               (b"RSET\r\n", "250 2.0.0"), (b"NOOP\r\n", "250 2.0.0"),
                               (b"VRFY bob\r\n", "252 2.0.0"), (b"HELP\r\n", "214 2.0.0"),
                               (MAIL % b"polite", "250 2.1.0"), (RCPT, "250 2.1.5"),
                               (b"DATA\r\n", "354 "), (TEXT + END, "250 2.0.0"),
                               (b"QUIT\r\n", "221 2.0.0 mx.example")]:
            client.send(send)
            client.expect(expected)
        client.expect_end()


def cuts(port, _):
    """a text that is cut at every place"""
    with Client(port).into("mail") as client:
        whole = TEXT + END
        for cut in range(1, len(whole)):
            client.send(MAIL % b"cuts", RCPT, b"DATA\r\n")
            client.expect("250", "250", "354")
            client.send(whole[:cut])
            # So that the host may see the cut. (The text is right if it does not.)
            time.sleep(0.001)
            client.send(whole[cut:])
            client.expect("250 2.0.0")
        # And a byte at a time.
        client.send(MAIL % b"cuts", RCPT, b"DATA\r\n")
        client.expect("250", "250", "354")
        client.send(*(whole[i:i + 1] for i in range(len(whole))))
        client.expect("250 2.0.0")


def pipelined(port, _):
    """three messages and QUIT in one piece"""
    with Client(port) as client:
        message = MAIL % b"pipelined" + RCPT + RCPT + b"DATA\r\n" + TEXT + END
        client.send(HELLO + 3 * message + b"QUIT\r\nNOOP\r\n")
        client.expect("220", ANNOUNCED.format(6000000))
        client.expect(*3 * ["250 2.1.0", "250 2.1.5", "250 2.1.5", "354", "250 2.0.0"], "221")
        client.expect_end()


def wrong_order(port, _):
    """commands out of order"""
    with Client(port) as client:
        client.send(MAIL % b"ann" + RCPT + b"DATA\r\n")
        client.expect("220", "503 First EHLO", "503 First MAIL", "503 First MAIL, and RCPT")
        client.send(HELLO + b"DATA\r\n" + RCPT + MAIL % b"ann" + b"DATA\r\n" + MAIL % b"ann")
        client.expect("250-", "503 5.5.1", "503 5.5.1", "250", "503 5.5.1", "503 5.5.1")
        client.send(RCPT + HELLO + RCPT + b"RSET\r\n")
        client.expect("250", "250-", "503 5.5.1", "250")


def mistakes(port, small):
    """wrong commands, and too many of them"""
    with Client(port).into("mail") as client:
        client.send(b"FLY\r\nRSET now\r\nMAIL FROM:<a b>\r\nSTARTTLS\r\nMAIL FROM:<a@b> X=1\r\n")
        client.expect("500 5.5.2", "501 5.5.4", "501 5.1.7", "502 5.5.1", "555 5.5.4")
        client.send(b"NOOP\n.\nNOOP\r\nMAIL FROM:<a@b>\nRCPT TO:<c@d>\r\nDATA\r\n")
        client.expect("500 5.5.2", "500 5.5.2", "503 5.5.1")
    with Client(small).into("mail") as client:
        client.send(b"GET / HTTP/1.1\r\nHost: mail\r\nAccept: text/html\r\n" + 100 * b"x: y\r\n")
        client.expect("500", "500", "500", "421 4.7.0 mx.example")
        client.expect_end()


def limits(_, small):
    """too many recipients, and too large a message"""
    with Client(small).into("mail") as client:
        client.send(b"MAIL FROM:<a@b> SIZE=1001\r\nMAIL FROM:<a@b> SIZE=1000\r\n" + 4 * RCPT)
        client.expect("552 5.3.4", "250", "250", "250", "250", "452 4.5.3")
        client.send(b"DATA\r\n" + 998 * b"x" + b"\r\n" + END)
        client.expect("354", "250 2.0.0")
        client.send(MAIL % b"ann" + RCPT + b"DATA\r\n" + 999 * b"x" + b"\r\n" + END + b"NOOP\r\n")
        client.expect("250", "250", "354", "552 5.3.4", "250 2.0.0")


def long_lines(port, _):
    """lines that are too long"""
    with Client(port).into("mail") as client:
        for size in 1017, 1018, 100000, 3000000:
            client.send(b"NOOP " + size * b"x" + b"\r\nNOOP\r\n")
            client.expect("250" if size == 1017 else "500 5.5.2", "250")
        client.send(MAIL % b"ann" + RCPT + b"DATA\r\n" + 3000000 * b"." + b"\r\n" + END)
        client.expect("250", "250", "354", "250 2.0.0")


def vanished(port, _):
    """clients that go inside a message, with and without a word"""
    with Client(port).into("text", b"gone") as client:
        client.send(TEXT)
    with Client(port).into("text", b"reset") as client:
        client.send(TEXT)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with Client(port).into("text", b"half") as client:
        client.send(TEXT + b".\r")
        client.socket.shutdown(socket.SHUT_WR)
        client.expect_end()
    with Client(port).into("mail") as client:  # what was whole is answered first
        client.send(b"NOOP\r\nNOOP\r\nNOO")
        client.socket.shutdown(socket.SHUT_WR)
        client.expect("250", "250")
        client.expect_end()


def deaf(port, _):
    """a client that sends 400,000 commands before it reads"""
    with Client(port, receive_buffer=4096).into("mail") as client:
        rest = memoryview(400000 * b"NOOP\r\n" + b"QUIT\r\n")
        client.socket.setblocking(False)
        found = b""
        is_stuck = False
        until = time.monotonic() + 5 * DEADLINE_S
        while not found.endswith(b"Bye\r\n"):
            assert time.monotonic() < until, f"{len(rest)} bytes unsent, {len(found)} received"
            reads, writes, _ = select.select([client.socket] if is_stuck else [],
                                             [client.socket] if rest else [], [], 0.5)
            if writes:
                rest = rest[client.socket.send(rest[:65536]):]
            elif not is_stuck:  # no more fits: the host waits until this client reads
                is_stuck = True
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            if reads:
                found += client.socket.recv(1 << 20)
        assert found == 400000 * b"250 2.0.0 Ok\r\n" + b"221 2.0.0 mx.example Bye\r\n"


def fifty(port, _):
    """50 clients at once, three messages each"""
    def send():
        with smtplib.SMTP("127.0.0.1", port, "me", DEADLINE_S) as client:
            everybody.wait(DEADLINE_S)
            for _ in range(3):
                client.sendmail("fifty@example.org", ["a@example.org", "b@example.org"],
                                1000 * b"a line of the message\r\n.with a dot\r\n")
            sent.append(client)

    everybody = threading.Barrier(50)
    sent = []
    threads = [threading.Thread(target=send) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sent) == 50, f"{len(sent)} of 50 got through"


def dialogues(port, small):
    for client in [polite, cuts, pipelined, wrong_order, mistakes, limits, long_lines, vanished,
                   deaf, fifty]:
        client(int(port), int(small))
        print(f"ok: {client.__doc__}", flush=True)


def timeouts(*states):
    """Each port gives its state 300 ms, and the others minutes."""
    for state, port in (word.split("=") for word in states):
        in_hello = state in ("hello", "session")
        with Client(int(port)).into("hello" if in_hello else state) as client:
            # What is no whole command does not count. In a text, all counts.
            client.send(b"NOO" if state != "text" else b"hello\r\n.")
            client.expect(f"421 {'' if in_hello else '4.4.2 '}mx.example Timeout")
            waited = time.monotonic() - client.begun
            client.expect_end()
        assert waited >= 0.29, f"{state}: 421 after {waited} s"
        print(f"ok: a timeout in state {state}", flush=True)


def stop(port, ready):
    port = int(port)
    with Client(port).into("hello") as new, Client(port).into("mail") as idle, \
            Client(port).into("data") as envelope, Client(port).into("text", b"last") as finishes, \
            Client(port).into("text", b"late") as never:
        finishes.send(TEXT)
        never.send(TEXT)
        pathlib.Path(ready).touch()
        new.expect("421 mx.example Service")
        idle.expect("421 4.3.2 mx.example Service")
        envelope.expect("421 4.3.2 mx.example Service")
        for client in new, idle, envelope:
            client.expect_end()
        finishes.send(END)
        finishes.expect("250 2.0.0", "421 4.3.2 mx.example Service")
        finishes.expect_end()
        print("ok: a stop lets a message end", flush=True)
        never.expect("421 4.3.2 mx.example Service")
        never.expect_end()
        print("ok: and cuts one that does not", flush=True)


{"dialogues": dialogues, "timeouts": timeouts, "stop": stop}[sys.argv[1]](*sys.argv[2:])
