"""The client's own cost: its rate with and without verification and live view, on one processor;
and its memory for each connection."""
import signal
import subprocess
import time

from harness import client, servers
from harness.processes import BenchError

SERVER = servers.BY_NAME["bare_epoll"]
CONNECTIONS, SECONDS = 64, 1
LOAD = ["--size", "64", "--framing", "delimiter", "--connections", str(CONNECTIONS), "--depth", "4",
        "--duration", f"{SECONDS}s"]
PLAIN = ["--expect", "any", "--progress", "none"]
WAYS = {
    "verification": ["--expect", "echo", "--progress", "none"],
    "live view": ["--expect", "any", "--progress", "live"],
    "both": ["--expect", "echo", "--progress", "live"],
}

MANY = 15_000
CPU_SECONDS_MIN = 3  # enough for more than one round of all messages


def run(place, port, options):
    command = client.command_of(place, port, [*LOAD, *options])
    done, cpu = client.run_with_cpu(command)
    figures = client.checked(done.returncode, command, done.stdout, done.stderr)
    return {"rate": figures["messages_per_second"], "cpu_us": cpu / figures["received"] * 1e6}


def measure_cost(place, rounds, progress):
    """{way: [{"with": [first half, second half], "without": ...} for each round]}; the order is
    with, without, without, with."""
    found = {way: [] for way in WAYS}
    with servers.start(SERVER, "echo", place, "client_server") as running:
        run(place, running.port, PLAIN)
        for number in range(rounds):
            for way, options in WAYS.items():
                progress(f"{way}, round {number + 1} of {rounds}")
                ours = [run(place, running.port, options)]
                plain = [run(place, running.port, PLAIN), run(place, running.port, PLAIN)]
                ours.append(run(place, running.port, options))
                found[way].append({"with": ours, "without": plain})
    return found


def memory_with(place, port, connections):
    """The client's own memory and its share of the memory that it shares with others, in bytes,
    while 64-byte messages go to and fro on all connections."""
    command = client.command_of(place, port, ["--size", "64", "--connections", str(connections),
                                              "--duration", "10m", "--quiet"])
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while cpu_seconds(process.pid) < CPU_SECONDS_MIN:
            if process.poll() is not None or time.monotonic() > deadline:
                raise BenchError(f"the client does not send: {' '.join(command)}")
            time.sleep(0.05)
        return rollup_bytes(process.pid, "Pss")
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def cpu_seconds(pid):
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as text:
        return int(text.read().split()[0]) / 1e9


def rollup_bytes(pid, name):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
        return next(int(line.split()[1]) * 1024 for line in rollup if line.startswith(f"{name}:"))


def measure_memory(place, progress):
    with servers.start(SERVER, "echo", place, "client_server") as running:
        progress("1 connection")
        few = memory_with(place, running.port, 1)
        progress(f"{MANY} connections")
        many = memory_with(place, running.port, MANY)
    return {"connections": MANY, "each_bytes": (many - few) / (MANY - 1)}


def measure(place, rounds, progress):
    return {"cost": measure_cost(place, rounds, progress),
            "memory": measure_memory(place, progress)}
