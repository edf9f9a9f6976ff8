"""Figures that can be counted instead of timed: system calls, instructions, memory."""
import functools
import os
import pathlib
import re
import signal
import subprocess

from harness import client, servers
from harness.processes import BenchError, Holder
from suite.scenarios import BY_NAME, CONNECTIONS_IDLE

RECEIVES = ("recvfrom", "recvmsg", "recvmmsg", "read", "readv")
SENDS = ("sendto", "sendmsg", "sendmmsg", "write", "writev")
WAITS = ("epoll_wait", "epoll_pwait", "epoll_pwait2")
OTHERS = ("epoll_ctl", "io_uring_enter", "accept", "accept4", "close", "shutdown", "setsockopt",
          "getsockopt", "futex", "ioctl", "fcntl")
NAMED = (*RECEIVES, *SENDS, *WAITS, *OTHERS)

# ---- system calls
# --------------------------------------------------------------------------------------------------


def events(names):
    return ",".join(["raw_syscalls:sys_enter", *(f"syscalls:sys_enter_{name}" for name in names)])


@functools.cache
def can_count_calls():
    """perf's tracepoints need root, or a sysctl that permits them, and a kernel that has them."""
    try:
        return subprocess.run(["perf", "stat", "-e", events(NAMED), "true"], capture_output=True,
                              check=False).returncode == 0
    except FileNotFoundError:
        return False


class Counter:
    """perf, which counts the server's calls from here to the end of the block. Then `calls` has
    {call: times}."""

    def __init__(self, place, running):
        self.running = running
        self.table = place.work / f"{running.name}.calls"
        commands, self.commands = os.pipe()
        self.answers, answers = os.pipe()
        self.process = subprocess.Popen(
            ["perf", "stat", "-x", ",", "-o", str(self.table), "-e", events(NAMED), "-p",
             str(running.pid), "--delay", "-1",
             "--control", f"fd:{commands},{answers}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            pass_fds=(commands, answers))
        os.close(commands)
        os.close(answers)

    def command(self, text):
        os.write(self.commands, text.encode() + b"\n")
        if not os.read(self.answers, 16).startswith(b"ack"):  # no answer: it has ended
            raise BenchError(f"perf does not count the system calls of {self.running.name}")

    def __enter__(self):
        self.running.cpu_ns_at_rest()
        self.command("enable")
        return self

    def __exit__(self, *_):
        try:
            self.running.cpu_ns_at_rest()
            self.command("disable")
        finally:
            self.process.send_signal(signal.SIGINT)
            self.process.wait()
            os.close(self.commands)
            os.close(self.answers)
        self.calls = {}
        for line in self.table.read_text(encoding="ascii").splitlines():
            fields = line.split(",")
            if len(fields) > 2 and "sys_enter" in fields[2]:
                name = fields[2].removeprefix("syscalls:sys_enter_").replace(
                    "raw_syscalls:sys_enter", "all")
                self.calls[name] = int(fields[0])


def counted_calls(place, running, scenario, count):
    """({call: times}, messages) of one run of the client."""
    with Counter(place, running) as counter:
        messages = client.run(place, running.port, scenario.options(count))["received"]
    return counter.calls, messages


def system_calls(place, running, scenario, count):
    """[(calls, messages), (calls, messages)]: of a short run, and of one with `count` messages on
    each connection."""
    return [counted_calls(place, running, scenario, messages)
            for messages in (max(1, count // 8), max(2, count))]


def calls_each(pairs):
    """Calls for each message, {"all": 2.03, "recvfrom": 1.0, ...}, from such pairs: the difference
    of their runs. The calls that open and close connections are in both, and cancel out."""
    more = sum(long[1] - short[1] for short, long in pairs)
    each = {name: sum(long[0][name] - short[0][name] for short, long in pairs) / more
            for name in pairs[0][0][0]}
    return {name: times for name, times in each.items() if name == "all" or times != 0}


# ---- instructions
# --------------------------------------------------------------------------------------------------

INSTRUCTIONS_SCENARIO = BY_NAME["ping_64"]
INSTRUCTIONS_COUNT = 1000  # messages of each connection


def collected(place, server, count):
    """Instructions in user space over a whole life of the server, with `count` messages on each
    connection."""
    scenario = INSTRUCTIONS_SCENARIO
    launcher = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--dump-instr=no"]
    with servers.start(server, scenario.mode, place, f"{server.name}_callgrind", launcher,
                       start_seconds=60) as running:
        client.run(place, running.port, scenario.options(count))
    found = re.search(r"Collected : (\d+)", running.output())
    if not found:
        raise BenchError(f"callgrind says nothing about {server.name}:\n{running.output()[-2000:]}")
    return int(found.group(1))


def instructions(place, server):
    """For each message, with 64 connections at depth 1: the difference between N and 2 N messages.
    None on io_uring, which valgrind 3.19 does not know."""
    if server.backend == "io_uring":
        return None
    messages = INSTRUCTIONS_COUNT * INSTRUCTIONS_SCENARIO.connections
    return ((collected(place, server, 2 * INSTRUCTIONS_COUNT)
             - collected(place, server, INSTRUCTIONS_COUNT)) / messages)


def dispatch_instructions(place):
    """From the completed receive to the plugin's on_data and its send in the queue, as counted by
    micro/count_dispatch.sh."""
    script = pathlib.Path(__file__).resolve().parents[1] / "micro" / "count_dispatch.sh"
    done = subprocess.run([str(script), "--bin", str(place.programs)], capture_output=True,
                          text=True, timeout=300, check=False)
    found = re.search(r"send queued: +(\d+) instructions", done.stdout)
    if done.returncode != 0 or not found:
        raise BenchError(f"{script} has ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return int(found.group(1))


# ---- memory
# --------------------------------------------------------------------------------------------------


def kernel_bytes():
    """For the whole machine: the kernel's objects, and the pages of TCP's buffers."""
    with open("/proc/meminfo", encoding="ascii") as table:
        slab = next(int(line.split()[1]) * 1024 for line in table if line.startswith("SUnreclaim:"))
    with open("/proc/net/sockstat", encoding="ascii") as table:
        pages = next(int(line.split()[-1]) for line in table if line.startswith("TCP:"))
    return slab + pages * os.sysconf("SC_PAGESIZE")


def memory(place, server):
    """Bytes of the server's own memory for each idle connection, on a fresh server: before any
    traffic, and after a message on each. "kernel": the growth of the kernel's memory, for both ends
    of each connection."""
    count = CONNECTIONS_IDLE
    with servers.start(server, "echo", place, f"{server.name}_memory") as running:
        none, kernel_none = running.memory_bytes(), kernel_bytes()
        with Holder(running, count) as holder:
            silent, kernel = running.memory_bytes(), kernel_bytes()
            holder.echo_once()
            after = running.memory_bytes()
    return {"none": none, "silent": (silent - none) / count,
            "after_traffic": (after - none) / count,
            "kernel": (kernel - kernel_none) / count}
