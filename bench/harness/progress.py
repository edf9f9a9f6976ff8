"""The display of progress during a measurement."""
import sys
import time


def told_rounds(numbers, count, progress):
    """The numbers, of `count` rounds; each is told as its round begins."""
    for number in numbers:
        progress(f"round {number + 1} of {count}")
        yield number


class Progress:
    """Prints a line when something begins, and estimates the total time from what the parts before
    it took."""

    def __init__(self):
        self.started = time.monotonic()
        self.expected = {}  # seconds of each part
        self.done = 0.0  # of these, by expectation
        self.part = ""
        self.is_terminal = sys.stdout.isatty()
        self.last_line = 0.0

    def elapsed(self):
        return time.monotonic() - self.started

    def left(self):
        scale = self.elapsed() / self.done if self.done > 20 else 1.0
        return max(0.0, (sum(self.expected.values()) - self.done) * scale)

    def begin(self, part):
        self.part = part
        self.print(f"{part} (about {max(1, round(self.left() / 60))} min left)")

    def end(self):
        self.done += self.expected[self.part]

    def step(self, text):
        """Printed in place on a terminal; elsewhere every ten seconds."""
        if self.is_terminal:
            sys.stdout.write(f"\r\x1b[K[{self.elapsed():4.0f} s] {self.part}: {text}")
            sys.stdout.flush()
        elif time.monotonic() > self.last_line + 10:
            self.print(f"{self.part}: {text}")

    def print(self, text):
        print(f"{chr(13)}{chr(27)}[K" * self.is_terminal + f"[{self.elapsed():4.0f} s] {text}",
              flush=True)
        self.last_line = time.monotonic()
