"""The measurements: interleaved rounds of timed runs, the clients that are served in the first
second, and each server's cost."""
import contextlib
import dataclasses
import itertools
import os
import statistics
import subprocess
import time

from harness import client, paired
from harness.processes import BenchError, Holder
from harness.progress import told_rounds

from . import contestants

ROUNDS_MIN = 2
WARM_UP_SECONDS = 0.05
WARM_UP_OPENINGS = 1.5  # as a multiple of the time that it takes to serve each connection once


@dataclasses.dataclass(frozen=True)
class Limits:
    """The amount of work for each load: so many rounds, of runs of at least so many seconds, but no
    new one after `load_seconds`; before them so many runs that only open the connections."""
    rounds: int
    openings: int
    run_seconds: float
    load_seconds: float


def cpu_clock_ns(pid):
    """Processor time of all threads of a process, user and system, by the kernel's clock of that
    process."""
    return time.clock_gettime_ns((~pid << 3) | 2)


def cpu_ns(system, running):
    """Processor time of the server and of its helper."""
    return running.cpu_ns() + (cpu_clock_ns(system.helper) if system.helper else 0)


def cpu_ns_at_rest(system, running, seconds=10):
    """The same after it has settled: closed connections have been noticed, their threads have
    gone."""
    deadline = time.monotonic() + seconds
    last, equal = cpu_ns(system, running), 0
    while equal < 3 and time.monotonic() < deadline:
        time.sleep(0.005)
        now = cpu_ns(system, running)
        equal, last = (equal + 1, last) if now - last < 20_000 else (0, now)
    running.check()
    return last


# ---- timed runs
# --------------------------------------------------------------------------------------------------


def counted_run(place, system, running, options, least=1):
    """The client's figures, and the server's processor time during the run."""
    before = cpu_ns_at_rest(system, running)
    figures = client.run(place, running.port, options, least=least)
    return figures, cpu_ns_at_rest(system, running) - before


@dataclasses.dataclass(frozen=True)
class Opening:
    """The opening of a load's connections, with one message on each: its cost to the server, and
    the time until all have been served."""
    cpu_ns: float
    seconds: float


def opening(place, system, running, load, count):
    """The median of some runs without the first, which warms the server up."""
    runs = [counted_run(place, system, running, load.options(("--count", "1")))
            for _ in range(count + 1)][1:]
    return Opening(statistics.median(spent_ns for _, spent_ns in runs),
                   statistics.median(figures["seconds"] for figures, _ in runs))


def timed_run(place, system, running, load, seconds, opened):
    """The figures begin after all connections have been accepted (the client has them open before
    that), and last until each has had time for another message, however slow the server is. If the
    server is even slower, so that no message fell into them, they last longer."""
    warm_up = WARM_UP_SECONDS + WARM_UP_OPENINGS * opened.seconds
    seconds = max(seconds, opened.seconds)
    for longer in (1, 4, 16):
        amount = ("--warm-up", f"{round(warm_up * 1000)}ms", "--duration",
                  f"{round(longer * seconds * 1000)}ms")
        figures, spent_ns = counted_run(place, system, running, load.options(amount), least=0)
        if figures["received"] > 0:
            break
    else:
        raise BenchError(f"{running.name} answers nothing within {longer * seconds:.1f} s")
    messages = figures["received"] + figures["warm_up"]
    # In visits, opening and closing are part of the cost.
    each_ns = (spent_ns / messages if load.is_visit
               else max(1.0, (spent_ns - opened.cpu_ns) / max(1.0, messages - load.connections)))
    return {"rate": figures["messages_per_second"], "p50_us": figures["latency_p50_us"],
            "p99_us": figures["latency_p99_us"],
            "cpu_us": each_ns / 1000}


def rounds(place, system, load, chosen, limits, progress):
    """{"runs": {name: [[first half, second half] of each round]}, "opening_us": {name: CPU of a
    connection with one message}}; as many rounds as `limits` allow."""
    deadline = time.monotonic() + limits.load_seconds
    with contextlib.ExitStack() as stack:
        started, opened = {}, {}
        for each in chosen:
            progress(f"starting {each.title}")
            started[each.name] = stack.enter_context(contestants.start(each, system, load.plugin))
            opened[each.name] = opening(place, system, started[each.name], load, limits.openings)

        in_time = itertools.takewhile(
            lambda number: number < ROUNDS_MIN or time.monotonic() <= deadline,
            range(limits.rounds))
        runs = paired.rounds(
            started, told_rounds(in_time, limits.rounds, progress),
            lambda name: timed_run(place, system, started[name], load, limits.run_seconds,
                                   opened[name]))
    each_us = {name: opened[name].cpu_ns / load.connections / 1000 for name in opened}
    return {"runs": runs, "opening_us": {} if load.is_visit else each_us}


# ---- who is served
# --------------------------------------------------------------------------------------------------


def attendance(place, system, contestant, connections, seconds=1):
    """So many clients come at once and stay: {"served": how many of them have had a reply within
    the time, "least", "most": messages}."""
    with contestants.start(contestant, system, "echo") as running:
        command = [str(place.programs / "fairness"), str(running.port), str(connections),
                   str(seconds)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=60, check=False)
        if done.returncode != 0:
            raise BenchError(f"{' '.join(command)} has ended with "
                             f"{done.returncode}:\n{done.stdout}{done.stderr}")
        cpu_ns_at_rest(system, running)  # the server notices their end before it is ended itself
    return {name: client.summary_of(done.stdout)[name]
            for name in ("served", "least", "most", "messages")}


def backend(system):
    """The backend that Portico chooses on its own."""
    if system.is_wine:
        return "IOCP"
    with contestants.start(contestants.PORTICO, system, "echo") as running:
        return ("io_uring" if any("io_uring" in target for target in running.descriptor_targets())
                else "epoll")


# ---- what it takes
# --------------------------------------------------------------------------------------------------


def look(running):
    """The number of threads, and bytes: the process's share of all memory (PSS), its private
    memory, and its address space."""
    smaps = running.smaps()
    with open(f"/proc/{running.pid}/statm", encoding="ascii") as statm:
        pages = int(statm.read().split()[0])
    return {"threads": running.threads(), "pss": smaps["Pss"],
            "private": smaps["Private_Clean"] + smaps["Private_Dirty"],
            "addresses": pages * os.sysconf("SC_PAGESIZE")}


def census(system, contestant, connections):
    """The cost of a fresh server without a client, and with so many connected, after each has had a
    reply."""
    with contestants.start(contestant, system, "echo") as running:
        cpu_ns_at_rest(system, running)
        alone = look(running)
        # its reply shows that each is accepted
        with Holder(running, connections, is_accepted=lambda: True) as holder:
            holder.echo_once()
            cpu_ns_at_rest(system, running)
            serving = look(running)
        cpu_ns_at_rest(system, running)
    return {"alone": alone, "serving": serving}
