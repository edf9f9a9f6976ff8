"""Runs the client. It checks each reply; a wrong or lost reply ends a benchmark."""
import resource
import subprocess

from harness.processes import BenchError

SECONDS_MAX = 120
LAGGED = 5  # its exit code if it was late itself, as when the machine stood still for a moment
ATTEMPTS = 5


def summary_of(text):
    """The figures of its output, one a line: name, blanks, value."""
    figures = {}
    for line in text.splitlines():
        fields = line.split()
        if len(fields) == 2:
            try:
                figures[fields[0]] = float(fields[1])
            except ValueError:
                pass
    return figures


def command_of(place, port, options):
    return [str(place.programs / "client"), "127.0.0.1", str(port), *options]


def checked(returncode, command, output, errors, least=1):
    figures = summary_of(output)
    if returncode != 0 or figures.get("received", -1) < least:
        raise BenchError(f"the client has ended with {returncode}: a reply is wrong or lost, or it "
                         f"could not run\n{' '.join(command)}\n{output}{errors}")
    return figures


def run(place, port, options, launcher=(), least=1):
    """Its figures; there must be at least so many replies. It runs on the harness's own processor,
    which waits meanwhile. A run in which it was late itself says nothing, and is repeated."""
    command = [*launcher, *command_of(place, port, options)]
    for _ in range(ATTEMPTS):
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  timeout=SECONDS_MAX, check=False)
        except subprocess.TimeoutExpired:
            raise BenchError(f"the client does not end: {' '.join(command)}") from None
        if done.returncode != LAGGED:
            break
    return checked(done.returncode, command, done.stdout, done.stderr, least)


def run_with_cpu(command):
    """Runs any program; returns its result, and the processor seconds that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=SECONDS_MAX, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
