"""The contestants, their systems, and how each is started."""
import dataclasses
import json
import pathlib

from harness.processes import BenchError, Running, free_port

START_SECONDS = 60  # a first start under Wine is slow


@dataclasses.dataclass(frozen=True)
class System:
    """A place for servers: natively, or the Windows programs under Wine."""
    name: str  # linux or wine
    title: str
    programs: pathlib.Path
    work: pathlib.Path
    processors: frozenset  # for the servers
    environment: dict | None = None
    helper: int | None = None  # a process that works for the servers: Wine's server

    @property
    def is_wine(self):
        return self.name == "wine"


@dataclasses.dataclass(frozen=True)
class Contestant:
    name: str
    title: str
    called: str  # its name in a sentence
    systems: tuple
    plugins: tuple  # echo, ack
    program: str = ""  # empty: the host

    @property
    def is_portico(self):
        return not self.program

    @property
    def is_for_all(self):
        """Serves more than one client at a time."""
        return self.program != "baseline_one_to_one"


BOTH = ("linux", "wine")
ONE_TO_ONE = Contestant("one_to_one", "one to one", "the one-to-one server", BOTH, ("echo",),
                        "baseline_one_to_one")
THREADS = Contestant("threads", "thread per client", "a thread for each client", BOTH,
                     ("echo", "ack"), "baseline_thread_per_client")
IOCP = Contestant("iocp", "article's IOCP", "the article's IOCP server", ("wine",), ("echo",),
                  "baseline_article_iocp")
PORTICO = Contestant("portico", "Portico", "Portico", BOTH, ("echo", "ack"))

CONTESTANTS = (ONE_TO_ONE, THREADS, IOCP, PORTICO)
BY_NAME = {contestant.name: contestant for contestant in CONTESTANTS}


def on(system_name, plugin):
    """The contestants of that system, in the order of the article."""
    return [each for each in CONTESTANTS if system_name in each.systems and plugin in each.plugins]


def configuration(system, plugin, port):
    """The host's configuration: all defaults, except that it prints nothing, because the other
    servers print nothing either."""
    folder = str((system.programs / "plugins").resolve())
    return {
        # Wine's drive Z is the root of all files
        "plugin_directory": f"Z:{folder}" if system.is_wine else folder,
        "listeners": [{"name": "compare", "listen": f"127.0.0.1:{port}", "plugin": plugin,
                       "settings": {"print": False} if plugin == "echo" else {}}],
        "log": {"level": "warn"},  # "info" has a line for each connection
    }


def command(contestant, system, plugin, port):
    suffix = ".exe" if system.is_wine else ""
    program = (system.programs / (f"host{suffix}" if contestant.is_portico
                                  else f"peers/{contestant.program}{suffix}"))
    if not program.exists():
        raise BenchError(f"{program} is missing: ./dev compare builds it")
    if contestant.is_portico:
        file = system.work / f"{system.name}_{plugin}.json"
        file.write_text(json.dumps(configuration(system, plugin, port), indent=2) + "\n",
                        encoding="utf-8")
        words = [program, "--config", file]
    else:
        words = [program, "--port", port, "--mode", plugin]
    return ["wine", *words] if system.is_wine else words


def start(contestant, system, plugin):
    """A running server: its process is the program itself, under Wine as well."""
    port = free_port()
    system.work.mkdir(parents=True, exist_ok=True)
    return Running(f"{contestant.title} ({system.title}, {plugin})",
                   command(contestant, system, plugin, port), port,
                   system.work / f"{system.name}_{contestant.name}_{plugin}.log", START_SECONDS,
                   system.environment, system.processors)
