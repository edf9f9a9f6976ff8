"""Clients that come one by one and stay: how evenly a server's threads share their work."""
import subprocess

from harness import client, processes, servers
from harness.processes import BenchError

CONNECTIONS = 16
APART_MS = 100
THREADS = (processes.SERVER_CPU, processes.CLIENT_CPU)  # a port with a thread on each


class Clients:
    """The program of that name. It stops at "open" and at "closing" until it may go on."""

    def __init__(self, place, running, seconds):
        self.seconds = seconds
        self.command = [str(place.programs / "placement"), str(running.port), str(CONNECTIONS),
                        str(APART_MS), str(seconds)]
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def expect(self, text):
        """If a server does not answer, the program gives up by itself when the server is ended."""
        line = self.process.stdout.readline().strip()
        if line != text:
            raise BenchError(f"{' '.join(self.command)}: expected \"{text}\", got \"{line}\"")

    def go_on(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def figures(self):
        text = self.process.stdout.read()
        if self.process.wait(10) != 0:
            raise BenchError(f"{' '.join(self.command)} has ended with {self.process.returncode}")
        return client.summary_of(text)


def measure(place, server, seconds):
    """{"busy_ns": processor time of each worker thread, the busiest first, "rate": messages a
    second}"""
    with servers.start(server, "echo", place, f"{server.name}_placement",
                       processors=THREADS) as running:
        with Clients(place, running, seconds) as clients:
            clients.expect("open")
            before = running.cpu_ns_by_thread()
            clients.go_on()
            clients.expect("closing")
            after = running.cpu_ns_by_thread()
            clients.go_on()
            rate = clients.figures()["messages_per_second"]
    # All other threads of the host (the log's, the one that waits for signals) do nothing
    # meanwhile.
    busy_ns = sorted((after[thread] - before.get(thread, 0) for thread in after),
                     reverse=True)[:len(THREADS)]
    return {"busy_ns": busy_ns, "rate": rate}


def rounds(place, server, count, seconds, progress):
    found = []
    for number in range(count):
        progress(f"{server.name}, round {number + 1} of {count}")
        found.append(measure(place, server, seconds))
    return found
