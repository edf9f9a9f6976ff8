"""Starts one server, natively or under Wine, and reads its port from its output. Every program that
is started here is ended here."""
import contextlib
import json
import os
import pathlib
import re
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
LISTENING = re.compile(r"listening on 127\.0\.0\.1:(\d+)")


class LaunchError(Exception):
    """Nothing can be measured: its text is all that the user needs."""


def host_configuration(programs, io):
    """The host's configuration for an echo on a free port; `io` is its section "io"."""
    return {
        "io": io,
        "plugin_directory": str((programs / "plugins").resolve()),
        "listeners": [{"name": "bench", "listen": "127.0.0.1:0", "plugin": "echo",
                       "settings": {"print": False},
                       "limits": {"connections": 1000}}],
        "log": {"level": "info"},  # a line for each connection, and the one with the port
    }


def host_command(programs, io, file):
    """The command for the host of this folder, or host.exe if that is there, with an echo; `file`:
    for its configuration."""
    program = next((programs / name for name in ("host", "host.exe") if (programs / name).exists()),
                   programs / "host")
    configuration = host_configuration(programs, io)
    if program.suffix == ".exe":  # Wine's drive Z is the root of all files
        configuration["plugin_directory"] = "Z:" + configuration["plugin_directory"]
    file.write_text(json.dumps(configuration, indent=1) + "\n", encoding="utf-8")
    return [program, "--config", file]


def end(process, seconds=10):
    """Asks the process to end, and then kills it."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Running:
    """A running server. Its output goes to `log`."""

    def __init__(self, command, log, environment=None, start_seconds=60):
        if not pathlib.Path(command[0]).exists():
            raise LaunchError(f"{command[0]} is missing")
        wine = ["wine"] if str(command[0]).endswith(".exe") else []
        self.command = [*wine, *(str(word) for word in command)]
        self.log = log
        with open(log, "wb") as output:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=output,
                                            stderr=subprocess.STDOUT,
                                            env=environment)
        self.pid = self.process.pid  # under Wine as well: the process becomes the program
        try:
            self.port = self._port_when_it_listens(start_seconds)
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise

    def output(self):
        return self.log.read_text(encoding="utf-8", errors="replace")

    def _port_when_it_listens(self, seconds):
        deadline = time.monotonic() + seconds
        while True:
            has_ended = self.process.poll() is not None
            if found := LISTENING.search(self.output()):
                return int(found.group(1))
            if has_ended or time.monotonic() > deadline:
                raise LaunchError(f"{' '.join(self.command)} does not "
                                  f"listen:\n{self.output()[-2000:]}")
            time.sleep(0.01)

    def check(self):
        if self.process.poll() is not None:
            raise LaunchError(f"{' '.join(self.command)} has ended with "
                              f"{self.process.returncode}:\n{self.output()[-2000:]}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end(self.process)


class WineServer:
    """A Wine server of our own, in a prefix that nobody else uses meanwhile. `log`: the file for
    its requests, or None."""

    def __init__(self, prefix, log=None):
        self.environment = {
            **os.environ, "WINEPREFIX": str(prefix), "WINEDEBUG": "-all", "LC_ALL": "C.UTF-8",
            "WINEDLLOVERRIDES": "winedbg.exe,winemenubuilder.exe,mscoree,mshtml=d"}
        if not (prefix / "system.reg").exists():
            prefix.parent.mkdir(parents=True, exist_ok=True)
            self._run("wineboot", "--init")
        self._run("wineserver", "-w")  # until the programs of earlier runs have gone
        with open(log or os.devnull, "wb") as output:
            self.process = subprocess.Popen(["wineserver", "-f", "-p", *(["-d1"] if log else [])],
                                            stdin=subprocess.DEVNULL,
                                            stdout=subprocess.DEVNULL, stderr=output,
                                            env=self.environment)

    def _run(self, *command):
        try:
            subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, env=self.environment,
                           timeout=120, check=True)
        except (OSError, subprocess.SubprocessError) as error:
            raise LaunchError(f"{' '.join(command)}: {error}") from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # It ends everything that runs in the prefix; if it were ended itself, these would stay
        # behind and look for it.
        with contextlib.suppress(LaunchError):
            self._run("wineserver", "-k")
        end(self.process)


# ---- the common part of the programs that compare servers


def add_program_options(parser):
    """Adds --bin, --windows-bin and --prefix: the folders of the programs of both systems, and
    Wine's prefix."""
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/bench/bin", metavar="DIR",
                        help="host, fairness, plugins/ and peers/ of Linux [build/bench/bin]")
    parser.add_argument("--windows-bin", type=pathlib.Path, metavar="DIR",
                        default=ROOT / "build/bench-windows/bin",
                        help="the same of Windows [build/bench-windows/bin]")
    parser.add_argument("--prefix", type=pathlib.Path, metavar="DIR",
                        default=ROOT / "build/bench-windows/wineprefix",
                        help="Wine's; nothing else may run in it meanwhile "
                             "[build/bench-windows/wineprefix]")


def add_server_choice(parser, known):
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE",
                        help="writes what was found there as well")
    parser.add_argument("server", nargs="*", metavar="SERVER",
                        help="only these: " + "; ".join(f'"{name}"' for name in known))


def check_server_choice(parser, chosen, known):
    for name in chosen:
        if name not in known:
            parser.error(f"there is no server \"{name}\"")


def server_command(arguments, is_windows, what, work):
    """The command of the host, if `what` is its section "io"; otherwise of the peer of that
    name."""
    programs = arguments.windows_bin if is_windows else arguments.bin
    if isinstance(what, dict):
        return host_command(programs, what, work / "host.json")
    return [programs / "peers" / (f"{what}.exe" if is_windows else what)]


def run_on_its_system(arguments, is_windows, run):
    """Calls run(environment): under Wine, or natively with None."""
    if not is_windows:
        return run(None)
    with WineServer(arguments.prefix) as wine:
        return run(wine.environment)
