"""Starts, watches and ends the programs that take part. Every program that is started here is ended
here."""
import contextlib
import os
import pathlib
import resource
import signal
import socket
import subprocess
import sys
import time

SERVER_CPU = 0
CLIENT_CPU = 1


class BenchError(Exception):
    """The benchmark cannot go on: its text is all that the user needs."""


def until(condition, what, seconds, pause=0.001):
    """Waits until condition() is true; `pause`: the seconds between two calls."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise BenchError(f"{what}: waited {seconds} s in vain")
        time.sleep(pause)


def raise_descriptor_limit():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def free_ports(count):
    """So many different ones: each is held until all are found."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def free_port():
    return free_ports(1)[0]


def is_listening(port):
    """Finds out without a connection, which the server would notice."""
    wanted = f":{port:04X}"
    with open("/proc/net/tcp", encoding="ascii") as table:
        return any(fields[1].endswith(wanted) and fields[3] == "0A"
                   for fields in map(str.split, table) if len(fields) > 3)


class Running:
    """A running server, on the servers' processor or on those given. Its output goes to `log`."""

    def __init__(self, name, command, port, log, start_seconds=10, environment=None,
                 processors=(SERVER_CPU,)):
        self.name = name
        self.port = port
        self.log = pathlib.Path(log)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with open(self.log, "wb") as output:
            self.process = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT,
                env=environment, preexec_fn=lambda: os.sched_setaffinity(0, processors))
        self.pid = self.process.pid
        try:
            until(lambda: self.check() and is_listening(port), f"{name} does not listen",
                  start_seconds)
        except BaseException:
            self.kill()
            raise

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        else:
            self.kill()

    def output(self):
        return self.log.read_text(encoding="utf-8", errors="replace")

    def check(self):
        """Raises an error if it no longer runs."""
        if self.process.poll() is not None:
            raise BenchError(f"{self.name} has ended with "
                             f"{self.process.returncode}:\n{self.output()[-2000:]}")
        return True

    def cpu_ns(self):
        """Processor time of all its threads, user and system, by the kernel's clock of that
        process, which counts nanoseconds."""
        return time.clock_gettime_ns((~self.pid << 3) | 2)

    def cpu_ns_at_rest(self):
        """The same after it has settled: closed connections have been noticed."""
        deadline = time.monotonic() + 0.5
        equal, last = 0, self.cpu_ns()
        while equal < 2 and time.monotonic() < deadline:
            time.sleep(0.001)
            now = self.cpu_ns()
            equal, last = (equal + 1, last) if now == last else (0, now)
        return last

    def threads(self):
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def cpu_ns_by_thread(self):
        """{thread: processor time}, as the scheduler counts it."""
        folder = pathlib.Path(f"/proc/{self.pid}/task")
        return {task.name: int((task / "schedstat").read_text(encoding="ascii").split()[0])
                for task in folder.iterdir()}

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def descriptor_targets(self):
        folder = f"/proc/{self.pid}/fd"
        return [os.readlink(f"{folder}/{number}") for number in os.listdir(folder)]

    def memory_bytes(self):
        """Private anonymous memory (including heap and stacks), as soon as it is the same three
        times."""
        deadline = time.monotonic() + 5
        equal, last = 0, None
        while equal < 2:
            now = self.smaps()["Anonymous"]
            equal, last = (equal + 1, last) if now == last else (0, now)
            if time.monotonic() > deadline:
                raise BenchError(f"{self.name}: its memory does not come to rest")
            time.sleep(0.05)
        return last

    def smaps(self):
        with open(f"/proc/{self.pid}/smaps_rollup", encoding="ascii") as rollup:
            lines = [line.split() for line in rollup if line.rstrip().endswith("kB")]
        return {fields[0].rstrip(":"): int(fields[1]) * 1024 for fields in lines}

    def stop(self):
        """Stops it in order, as an operator would."""
        self.check()
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
            raise BenchError(f"{self.name} does not end at SIGTERM") from None
        if code not in (0, -signal.SIGTERM):
            raise BenchError(f"{self.name} has ended with {code}:\n{self.output()[-2000:]}")

    def kill(self):
        self.process.kill()
        self.process.wait()


class Holder:
    """Another process with `count` connections to a server, idle until it is asked. `is_accepted`:
    whether the server has them; None: found by its descriptors."""

    def __init__(self, server, count, is_accepted=None):
        program = pathlib.Path(__file__).with_name("holder.py")
        before = server.descriptors()
        self.process = subprocess.Popen(
            [sys.executable, str(program), str(server.port), str(count)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        try:
            self.expect("open")
            until(lambda: server.check()
                  and (is_accepted() if is_accepted else server.descriptors() >= before + count),
                  f"{server.name} has not accepted {count} connections", 30)
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise

    def expect(self, answer):
        line = self.process.stdout.readline()
        if line.strip() != answer:
            raise BenchError(f"idle connections: expected \"{answer}\", got \"{line.strip()}\"")

    def echo_once(self):
        """Sends one message on each connection, and waits for its reply."""
        self.process.stdin.write("echo\n")
        self.process.stdin.flush()
        self.expect("echoed")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
