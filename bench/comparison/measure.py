"""The measuring: interleaved rounds of timed runs, who is served in the first second, and what a server takes meanwhile."""
import contextlib
import os
import statistics
import subprocess
import time

import client
from processes import BenchError, until

from . import contestants

CENSUS_SECONDS = 2.0  # of load; the server is looked at when much of it is over
SHORT_RUNS = 3


def cpu_clock_ns(pid):
    """Processor time of all threads of a process, user and system: the kernel's clock of that process."""
    return time.clock_gettime_ns((~pid << 3) | 2)


def cpu_ns(system, running):
    """Of the server, and of what works for it."""
    return running.cpu_ns() + (cpu_clock_ns(system.helper) if system.helper else 0)


def cpu_ns_at_rest(system, running, seconds=10):
    """The same once it stands still: closed connections have been seen, their threads have gone."""
    deadline = time.monotonic() + seconds
    last, equal = cpu_ns(system, running), 0
    while equal < 3 and time.monotonic() < deadline:
        time.sleep(0.005)
        now = cpu_ns(system, running)
        equal, last = (equal + 1, last) if now - last < 20_000 else (0, now)
    running.check()
    return last


# ---- timed runs ---------------------------------------------------------------------------------------------------------------


def counted_run(place, system, running, options):
    """The client's figures, and the server's processor time meanwhile."""
    before = cpu_ns_at_rest(system, running)
    figures = client.run(place, running.port, options)
    return figures, cpu_ns_at_rest(system, running) - before


def opening_cpu_ns(place, system, running, load):
    """What opening and closing the connections takes, with one message on each: the median of some runs."""
    runs = [counted_run(place, system, running, load.options(("--count", "1")))[1] for _ in range(SHORT_RUNS)]
    return statistics.median(runs)


def timed_run(place, system, running, load, seconds, opening_ns):
    figures, spent_ns = counted_run(place, system, running, load.options(("--duration", f"{round(seconds * 1000)}ms")))
    if load.is_visit:  # opening and closing is what is measured
        each_ns = spent_ns / figures["received"]
    else:
        each_ns = max(1.0, (spent_ns - opening_ns) / max(1.0, figures["received"] - load.connections))
    return {"rate": figures["messages_per_second"], "p50_us": figures["latency_p50_us"], "p99_us": figures["latency_p99_us"],
            "cpu_us": each_ns / 1000}


def rounds(place, system, load, chosen, count, seconds, progress):
    """{"runs": {name: [[first half, second half] of each round]}, "opening_us": {name: CPU of a connection with one message}}"""
    with contextlib.ExitStack() as stack:
        started, opening_ns = {}, {}
        for each in chosen:
            progress(f"starting {each.title}")
            started[each.name] = stack.enter_context(contestants.start(each, system, load.plugin))
            timed_run(place, system, started[each.name], load, seconds, 0)  # to warm up
            opening_ns[each.name] = 0 if load.is_visit else opening_cpu_ns(place, system, started[each.name], load)

        def half(names):
            return {name: timed_run(place, system, started[name], load, seconds, opening_ns[name]) for name in names}
        runs = {each.name: [] for each in chosen}
        for number in range(count):
            progress(f"round {number + 1} of {count}")
            # Whoever is last runs twice in a row: that place goes round.
            turn = number % len(chosen)
            order = [each.name for each in chosen[turn:] + chosen[:turn]]
            first, second = half(order), half(reversed(order))
            for name in order:
                runs[name].append([first[name], second[name]])
    return {"runs": runs, "opening_us": {name: spent / load.connections / 1000 for name, spent in opening_ns.items()}}


# ---- who is served ------------------------------------------------------------------------------------------------------------


def attendance(place, system, contestant, connections, seconds=1):
    """So many clients come at once and stay: {"served": how many of them have had a reply within the time, "least", "most": messages}."""
    with contestants.start(contestant, system, "echo") as running:
        command = [str(place.programs / "fairness"), str(running.port), str(connections), str(seconds)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 0:
            raise BenchError(f"{' '.join(command)} has ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        cpu_ns_at_rest(system, running)  # it comes to an end with them before it is ended itself
    return {name: client.summary_of(done.stdout)[name] for name in ("served", "least", "most", "messages")}


def backend(system):
    """On what Portico runs when it may choose."""
    if system.is_wine:
        return "IOCP"
    with contestants.start(contestants.PORTICO, system, "echo") as running:
        return "io_uring" if any("io_uring" in target for target in running.descriptor_targets()) else "epoll"


# ---- what it takes ------------------------------------------------------------------------------------------------------------


def established(port):
    """Connections to it, on the server's side, accepted or not."""
    wanted = f":{port:04X}"
    with open("/proc/net/tcp", encoding="ascii") as table:
        return sum(fields[1].endswith(wanted) and fields[3] == "01" for fields in map(str.split, table))


def look(running):
    """Threads, and bytes: its share of all memory (PSS), what is its alone, and the addresses that it has taken."""
    smaps = running.smaps()
    with open(f"/proc/{running.pid}/statm", encoding="ascii") as statm:
        pages = int(statm.read().split()[0])
    return {"threads": running.threads(), "pss": smaps["Pss"], "private": smaps["Private_Clean"] + smaps["Private_Dirty"],
            "addresses": pages * os.sysconf("SC_PAGESIZE")}


def census(place, system, contestant, load):
    """What a fresh server takes without a client, and while all of them are served."""
    with contestants.start(contestant, system, load.plugin) as running:
        cpu_ns_at_rest(system, running)
        alone = look(running)
        command = client.command_of(place, running.port, load.options(("--duration", f"{CENSUS_SECONDS:.0f}s")))
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            try:
                until(lambda: running.check() and (process.poll() is not None or established(running.port) >= load.connections),
                      f"{running.name}: {load.connections} connections are not open", 60, pause=0.05)
                time.sleep(0.6 * CENSUS_SECONDS)
                serving = look(running)
                output, _ = process.communicate(timeout=60)
            except BaseException:
                process.kill()
                raise
        client.checked(process.returncode, command, output, "")
        cpu_ns_at_rest(system, running)
    return {"alone": alone, "serving": serving}
