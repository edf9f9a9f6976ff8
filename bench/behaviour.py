"""How fairly a server shares itself out: a noisy neighbour, and the most and the least served of many connections."""
import signal
import subprocess

import client
import servers
from processes import BenchError, until

PINGERS = ["--size", "64", "--connections", "63", "--depth", "1", "--duration", "700ms"]
NOISE = ["--size", "1M", "--connections", "1", "--depth", "4", "--duration", "60s", "--quiet"]
FAIRNESS_CONNECTIONS = 256


class Noise:
    """One connection that always has data: megabytes, four of them on their way at once."""

    def __init__(self, place, running):
        before = running.cpu_ns()
        self.command = client.command_of(place, running.port, NOISE)
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            until(lambda: running.check() and running.cpu_ns() > before + 50_000_000, f"{running.name}: the noise does not begin", 20)
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        was_running = self.process.poll() is None
        self.process.send_signal(signal.SIGINT)
        try:
            output, _ = self.process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise BenchError(f"the client does not end: {' '.join(self.command)}") from None
        if kind is None and (not was_running or self.process.returncode != 130):  # interrupted: else a reply was wrong or lost
            raise BenchError(f"the noise has ended with {self.process.returncode}: {' '.join(self.command)}\n{output}")


def neighbour(place, server, rounds, progress):
    """p99 of 63 connections that ping, in microseconds: [[without, with the noise] for each round]."""
    with servers.start(server, "echo", place, f"{server.name}_neighbour") as running:
        client.run(place, running.port, PINGERS)
        pairs = []
        for number in range(rounds):
            progress(f"{server.name}, round {number + 1} of {rounds}")
            quiet = client.run(place, running.port, PINGERS)["latency_p99_us"]
            with Noise(place, running):
                noisy = client.run(place, running.port, PINGERS)["latency_p99_us"]
            pairs.append([quiet, noisy])
    return pairs


def fairness(place, server, seconds):
    """{"least", "most"}: messages of the least and the most served of 256 connections; "messages": of all."""
    with servers.start(server, "echo", place, f"{server.name}_fairness") as running:
        command = [str(place.programs / "fairness"), str(running.port), str(FAIRNESS_CONNECTIONS), str(seconds)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds + 60, check=False)
        if done.returncode != 0:
            raise BenchError(f"{' '.join(command)} has ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return client.summary_of(done.stdout)
