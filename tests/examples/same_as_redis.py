#!/usr/bin/env python3
"""Random commands and pipelines, right and wrong ones, to Redis and to examples/redis_like: every
byte of the answers must be the same.

    same_as_redis.py REDIS_SOCKET PORT [SEED]
"""

import random
import socket
import sys

ROUNDS = 1000
KEYS = ["a", "b", "c", "d"]
VALUES = ["1", "x", "", "9223372036854775807", "-5", "007", "hello world"]
TIMES = ["100", "0", "-1", "x", "99999999999999999999", "9223372036854775807", "9223372036854775"]
INLINE = ['set a "x y"\r\n', "get 'a'\r\n", 'ECHO "a\\x41\\n"\r\n', "ECHO 'a\\'b'\n", "  \r\n",
          "\r\n", "PING\n", 'get "a" \r\n', 'set b "q"  \r\n', "echo a'b'\r\n", 'echo "" \r\n']
BROKEN = [b"*x\r\n", b"*1\r\nPING\r\n", b"*1\r\n$x\r\n", b"*1\r\n$-1\r\n", b'set "a\r\n',
          b"*99999999999\r\n", b"*2\r\n$3\r\nGET\r\n:1\r\n", b"set 'a'b c\r\n",
          b"*-5\r\nPING\r\n", b"*1\r\n$4\r\nPING\r\nx y\r\n", b"*\r\nPING\r\n", b"*1\r\n$\r\n"]


def command(choice):
    key, other, value = choice(KEYS), choice(KEYS), choice(VALUES)
    return choice([
        ["PING"], ["PING", value], ["PING", "a", "b"], ["ECHO", value], ["ECHO"],
        ["GET", key], ["get"], ["GET", key, key], ["MGET", key, other], ["MGET"],
        ["SET", key, value], ["SET", key], ["SET", key, value, choice(["NX", "XX", "EX", "foo"])],
        ["SET", key, "1", "EX", choice(TIMES)],
        ["SET", key, "1", "PX", choice(["100000", "0", "x"]), choice(["NX", "XX"])],
        ["SET", key, "1", "NX", "XX"], ["SET", key, "1", "NX", "NX"],
        ["SET", key, "1", "EX", "10", "PX", "10"], ["SET", key, "1", "EX", "10", "EX", "10"],
        ["DEL", key, other], ["DEL"], ["EXISTS", key, key], ["EXISTS"], ["INCR", key], ["INCR"],
        ["EXPIRE", key, choice(["100", "-1", "0", "x", "9223372036854775807", "1.5"])],
        ["EXPIRE", key], ["TTL", key], ["TTL"],
        ["NOPE", "a", "b c", "d\r\ne"], ["nope"], ["x" * 200, "y" * 200, "z" * 10],
        ["CONFIG"], ["CONFIG", "NOPE"]])


def encoded(words):
    return b"*%d\r\n" % len(words) + b"".join(
        b"$%d\r\n%s\r\n" % (len(word), word.encode()) for word in words)


def answers(address, data):
    """All that comes until the end."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as peer:
        peer.settimeout(30)
        peer.connect(address)
        peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)
        got = b""
        while True:
            piece = peer.recv(65536)
            if not piece:
                return got
            got += piece


def main(redis, port, seed="1"):
    drawn = random.Random(int(seed))
    for round_number in range(ROUNDS):
        parts = [encoded(command(drawn.choice)) if drawn.random() < 0.8
                 else drawn.choice(INLINE).encode() for _ in range(drawn.randint(1, 12))]
        if drawn.random() < 0.1:
            parts.append(drawn.choice(BROKEN))
        data = b"".join(parts)
        expected = answers(redis, data)
        found = answers(("127.0.0.1", int(port)), data)
        if expected != found:
            print(f"round {round_number}, seed {seed}\n  sent  {data}\n  Redis {expected}\n"
                  f"  here  {found}")
            return 1
    print(f"{ROUNDS} pipelines, answered alike")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
