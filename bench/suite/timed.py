"""The timed runs of a scenario: all servers, interleaved, each with the same number of messages."""
import contextlib

from harness import client, paired, servers
from harness.processes import Holder
from harness.progress import told_rounds
from suite import exact

RUN_SECONDS = 0.4
COUNT_STEP_MAX = 20
COUNTED_MESSAGES_MIN = 5_000


def entries_of(scenario, chosen):
    """The participants: (name, server, connections that idle meanwhile). If some idle, Portico
    without them is one more."""
    entries = [(server.name, server, scenario.idle) for server in chosen]
    if scenario.idle:
        entries += [(without_idle(server.name), server, 0)
                    for server in chosen if server.is_portico and server is not servers.AGAIN]
    return entries


def without_idle(name):
    return f"{name}_without_idle"


def calibrated_count(place, port, scenario):
    """The messages of each connection for a run of RUN_SECONDS."""
    count = scenario.depth
    while True:
        seconds = max(client.run(place, port, scenario.options(count))["seconds"], 1e-4)
        if seconds >= RUN_SECONDS / 2:
            return max(1, round(count * RUN_SECONDS / seconds))
        count = max(count + 1, round(count * min(COUNT_STEP_MAX, RUN_SECONDS / seconds)))


def one_run(place, running, scenario, count):
    before = running.cpu_ns_at_rest()
    figures = client.run(place, running.port, scenario.options(count))
    messages = figures["received"]
    return {
        "cpu_ns": (running.cpu_ns_at_rest() - before) / messages,
        "rate": figures["messages_per_second"],
        "p50_us": figures["latency_p50_us"],
        "p99_us": figures["latency_p99_us"],
        "p999_us": figures["latency_p999_us"],
    }


def measure(scenario, chosen, rounds, turns, place, progress):
    """{"count", "runs": {server: [[first half, second half] for each round]}, "system_calls":
    {server: ...}}"""
    entries = entries_of(scenario, chosen)
    with contextlib.ExitStack() as stack:
        started = {}
        for name, server, idle in entries:
            progress(f"starting {name}")
            started[name] = stack.enter_context(servers.start(server, scenario.mode, place, name))
            if idle:
                stack.enter_context(Holder(started[name], idle))
        count = calibrated_count(place, started[entries[0][0]].port, scenario)
        for name, _, _ in entries:
            progress(f"warming {name}")
            one_run(place, started[name], scenario, count)
        runs = paired.rounds(started, told_rounds(range(rounds), rounds, progress),
                             lambda name: one_run(place, started[name], scenario, count))
        names = [server.name for server in chosen if server is not servers.AGAIN]
        return {
            "count": count, "messages": count * scenario.connections, "runs": runs,
            "system_calls": system_calls(scenario, {name: started[name] for name in names}, count,
                                         turns, place, progress),
        }


def system_calls(scenario, started, count, turns, place, progress):
    """{server: {call: times a message}}, or None if they may not be counted. The number of messages
    a wait brings varies, so there are several turns, server by server."""
    if not exact.can_count_calls():
        return None
    if scenario.bytes <= 64:
        # calls that belong to no message then count for little
        count = max(count, COUNTED_MESSAGES_MIN // scenario.connections)
    pairs = {name: [] for name in started}
    for number in range(turns):
        for name, running in started.items():
            progress(f"system calls of {name}, turn {number + 1} of {turns}")
            pairs[name].append(exact.system_calls(place, running, scenario, count))
    return {name: exact.calls_each(found) for name, found in pairs.items()}
