"""How fairly a server serves its connections: a noisy neighbour, and the most and the least served
of many connections."""
import contextlib
import functools
import signal
import subprocess

from harness import client, servers
from harness.processes import BenchError, until
from suite import admission as admission_script

# Two processes send, and the machine may have one processor for both. So the pings are measured in
# two ways. As they come, the figure is mostly that of the system, which shares the processor
# between the two clients in slices of milliseconds. With the pinging client before the other one,
# at a rate that leaves that one most of the processor, the figure is the server's.
PINGERS = ["--size", "64", "--connections", "63", "--depth", "1", "--duration", "700ms"]
PINGERS_FIRST = ["--size", "64", "--connections", "63", "--depth", "64", "--rate", "20000",
                 "--duration", "1500ms"]
FIRST = ("chrt", "--fifo", "1")
NOISE = ["--size", "1M", "--connections", "1", "--depth", "4", "--duration", "60s"]
FAIRNESS_CONNECTIONS = 256
# The slow neighbour asks for work with each message (servers/common/work.h), all the time. It uses
# next to nothing of the clients' processor.
SLOW = ["--message", "5 ms of work", "--connections", "1", "--depth", "1", "--duration", "600s"]
SLOW_BEGUN_NS = 20_000_000
PINGERS_OF_THE_SLOW = ["--size", "64", "--connections", "63", "--depth", "1", "--duration",
                       "1500ms"]


class Noise:
    """One connection that keeps the server busy: it always has megabytes to send, four messages in
    flight at once, or as `options` specify."""

    def __init__(self, place, running, options=NOISE, begun_ns=50_000_000):
        before = running.cpu_ns()
        self.mib_per_second = None  # of the echoed bytes, after it has ended
        self.command = client.command_of(place, running.port, options)
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            until(lambda: running.check() and running.cpu_ns() > before + begun_ns,
                  f"{running.name}: the noise does not begin", 20)
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
        # 130: interrupted; any other code: a reply was wrong or lost
        if kind is None and (not was_running or self.process.returncode != 130):
            raise BenchError(f"the noise has ended with {self.process.returncode}: "
                             f"{' '.join(self.command)}\n{output}")
        self.mib_per_second = client.summary_of(output).get("mib_per_second")


@functools.cache
def can_go_first():
    """Whether a program may be given a real-time priority: root, or a limit that permits it."""
    try:
        return subprocess.run([*FIRST, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def neighbour_round(place, running, pingers, launcher):
    """p99 without and with the noise, in microseconds, and the noise's MiB a second."""
    quiet = client.run(place, running.port, pingers, launcher)["latency_p99_us"]
    with Noise(place, running) as noise:
        noisy = client.run(place, running.port, pingers, launcher)["latency_p99_us"]
    return [quiet, noisy, noise.mib_per_second]


def neighbour(place, server, rounds, progress):
    """For 63 connections that ping: {"as_they_come": one neighbour_round for each round, "first":
    the same, if the priority is permitted}."""
    ways = {"as_they_come": (PINGERS, ())}
    if can_go_first():
        ways["first"] = (PINGERS_FIRST, FIRST)
    with servers.start(server, "echo", place, f"{server.name}_neighbour") as running:
        client.run(place, running.port, PINGERS)
        measured = {way: [] for way in ways}
        for number in range(rounds):
            progress(f"{server.name}, round {number + 1} of {rounds}")
            for way, (pingers, launcher) in ways.items():
                measured[way].append(neighbour_round(place, running, pingers, launcher))
    return measured


def slow_neighbour(place, chosen, rounds, progress):
    """{server: [[p99 without, with the neighbour, in microseconds] of each round]}, for 63
    connections that ping. The servers take turns in each round."""
    found = {server.name: [] for server in chosen}
    with contextlib.ExitStack() as stack:
        started = []
        for server in chosen:
            running = servers.start(server, "work", place, f"{server.name}_slow_neighbour")
            started.append((server.name, stack.enter_context(running)))
        for number in range(rounds):
            progress(f"round {number + 1} of {rounds}")
            turn = number % max(1, len(started))
            for name, running in [*started[turn:], *started[:turn]]:
                quiet = client.run(place, running.port, PINGERS)["latency_p99_us"]
                with Noise(place, running, SLOW, SLOW_BEGUN_NS):
                    slow = client.run(place, running.port, PINGERS_OF_THE_SLOW)["latency_p99_us"]
                found[name].append([quiet, slow])
    return found


def admission(place, server, rounds):
    """The number of messages until all of many clients that come at once have had an answer: the
    summary of admission.py, for a fresh server in each round. Under "at_work" it is the same if
    each message takes 5 ms: that lasts at least five seconds, so there is one round of it."""
    def attended(mode, count, *options):
        found = []
        for number in range(count):
            with servers.start(server, mode, place,
                               f"{server.name}_admission_{mode}_{number}") as running:
                found.append(admission_script.run_until_served(place.programs / "fairness",
                                                               running.port, *options))
        return admission_script.summary(found)
    return {**attended("echo", rounds), "at_work": attended("work", 1, "--work")}


def fairness(place, server, seconds):
    """{"least", "most"}: messages of the least and the most served of 256 connections; "messages":
    those of all."""
    with servers.start(server, "echo", place, f"{server.name}_fairness") as running:
        command = [str(place.programs / "fairness"), str(running.port), str(FAIRNESS_CONNECTIONS),
                   str(seconds)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=seconds + 60, check=False)
        if done.returncode != 0:
            raise BenchError(f"{' '.join(command)} has ended with "
                             f"{done.returncode}:\n{done.stdout}{done.stderr}")
    return client.summary_of(done.stdout)
