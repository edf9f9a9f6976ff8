#!/usr/bin/env python3
"""A Python program that serves a protocol written in Python: a calculator. Each line is a sum,
"1 + 2 - 3"; "bye" ends. Ends when its standard input does.

    embed_python.py LIBPORTICO
"""

import json
import sys

import portico

CONFIGURATION = {"listeners": [{"name": "sums", "listen": "127.0.0.1:0", "plugin": "sums",
                                "framing": {"type": "delimiter", "delimiter": "\n"}}]}


class Sums:
    def on_open(self, connection):
        connection.send(b"a sum, please\n")

    def on_data(self, connection, message):
        words = message.decode(errors="replace").split()
        if words == ["bye"]:
            connection.send(b"bye\n")
            return connection.close()
        try:
            answer = str(self.total(words))
        except ValueError as error:
            answer = f"not a sum: {error}"
        return connection.send(answer.encode() + b"\n")

    @staticmethod
    def total(words):
        total, sign = 0, 1
        for index, word in enumerate(words):
            if index % 2 == 0:
                total += sign * int(word)
            elif word in ("+", "-"):
                sign = 1 if word == "+" else -1
            else:
                raise ValueError(f"{word} is no sign")
        return total


def main(library):
    server = portico.Server(portico.load(library),
                            log=lambda text: print("log:", text, file=sys.stderr))
    server.register("sums", Sums())
    server.start(json.dumps(CONFIGURATION))
    print(f"listening on 127.0.0.1:{server.port('sums')}", flush=True)
    sys.stdin.read()
    print(f"{server.connections(0)} connections")
    server.drain(1000)
    server.wait()
    server.close()
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
