"""The Windows programs under Wine, as part of the benchmark: the counts of wine_requests.py, and
their fairness."""
import json
import shutil
import subprocess
import sys

from harness.processes import BenchError

SECONDS_MAX = 900


def can_measure(windows):
    """Whether the Windows programs, and the programs that run them, are there."""
    return (windows / "bin" / "host.exe").exists() and shutil.which("wine") is not None


def script(place, windows, name, *options):
    """The JSON of one of the scripts that measure under Wine, each in a process of its own. They
    end with 1 if a bar is missed."""
    file = place.work / f"{name}.json"
    command = [sys.executable, str(windows.parent.parent / "bench" / "suite" / f"{name}.py"),
               "--json", str(file), *options]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=SECONDS_MAX, check=False)
    if done.returncode not in (0, 1) or not file.exists():
        raise BenchError(f"{' '.join(command)} has ended with "
                         f"{done.returncode}:\n{done.stdout}{done.stderr}")
    return json.loads(file.read_text(encoding="utf-8"))


def measure(place, windows, rounds):
    """{"requests": {server: {connections: {request: times a message}}}, "verdicts": [...],
    "admission": {server: the result of admission.py}}; None if it cannot be measured."""
    if not can_measure(windows):
        return None
    return {**script(place, windows, "wine_requests", "--rounds", str(rounds)),
            "admission": script(place, windows, "admission", "--windows", "--rounds",
                                str(min(rounds, 3)))}
