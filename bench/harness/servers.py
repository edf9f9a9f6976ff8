"""The servers that are compared, and how each is started."""
import dataclasses
import json
import pathlib

from harness.processes import SERVER_CPU, BenchError, Running, free_port

CONNECTIONS_MAX = 16_000


@dataclasses.dataclass(frozen=True)
class Server:
    name: str
    title: str
    backend: str  # epoll or io_uring
    kind: str  # portico, bare (the limit), peer
    program: str  # below the folder of programs

    @property
    def is_portico(self):
        return self.kind == "portico"


SERVERS = [
    Server("portico_epoll", "Portico, epoll", "epoll", "portico", "host"),
    Server("portico_uring", "Portico, io_uring", "io_uring", "portico", "host"),
    Server("bare_epoll", "bare loop, epoll", "epoll", "bare", "peers/peer_bare_epoll"),
    Server("bare_uring", "bare loop, io_uring", "io_uring", "bare", "peers/peer_bare_uring"),
    Server("asio_epoll", "Asio, epoll", "epoll", "peer", "peers/peer_asio_epoll"),
    Server("asio_uring", "Asio, io_uring", "io_uring", "peer", "peers/peer_asio_uring"),
    Server("libuv", "libuv", "epoll", "peer", "peers/peer_libuv"),
]

# Portico against itself: a second process of the same program and configuration. Any difference is
# noise.
AGAIN = Server("portico_epoll_again", "Portico, epoll, once more (A/A)", "epoll", "portico", "host")

BY_NAME = {server.name: server for server in [*SERVERS, AGAIN]}


@dataclasses.dataclass(frozen=True)
class Place:
    """The folders of programs and of files that may be written."""
    programs: pathlib.Path
    work: pathlib.Path


LOG = {"level": "warn"}  # "info" has a line for each connection


def configuration(server, mode, port, place, threads, log):
    """The host's configuration: one thread, as the peers have, or so many; all defaults, except
    room for the idle connections."""
    listener = {
        "name": "bench", "listen": f"127.0.0.1:{port}", "plugin": "echo",
        "settings": {"print": False},
        "limits": {"connections": CONNECTIONS_MAX},
    }
    if mode == "work":
        listener |= {"plugin": "working_echo", "settings": {}}
    if mode == "lines":
        listener["framing"] = {"type": "delimiter", "delimiter": "\n"}
    return {
        "io": {"backend": server.backend, "ports": "per_core", "threads": threads},
        "plugin_directory": str((place.programs / "plugins").resolve()),
        "listeners": [listener],
        "log": log,
    }


def start(server, mode, place, name=None, launcher=(), start_seconds=10, processors=(SERVER_CPU,),
          log=None):
    """`mode`: echo, lines, http or work. `launcher`: the program that runs it, for example
    valgrind. Portico has a thread for each of the processors. `log`: that section of its
    configuration."""
    name = name or server.name
    port = free_port()
    program = place.programs / server.program
    if not program.exists():
        raise BenchError(f"{program} is missing: ./dev bench builds it")
    place.work.mkdir(parents=True, exist_ok=True)
    if server.is_portico:
        file = place.work / f"{name}.json"
        file.write_text(json.dumps(configuration(server, mode, port, place, len(processors),
                                                 log or LOG), indent=2) + "\n", encoding="utf-8")
        command = [program, "--config", file]
    else:
        command = [program, "--port", port, "--mode", mode]
    running = Running(name, [*launcher, *command], port, place.work / f"{name}.log", start_seconds,
                      processors=processors)
    if not launcher:
        check_backend(server, running)
    return running


def check_backend(server, running):
    """Portico falls back to epoll if it cannot have a ring, and a figure would then have the wrong
    name."""
    has_ring = any("io_uring" in target for target in running.descriptor_targets())
    if has_ring != (server.backend == "io_uring"):
        running.kill()
        raise BenchError(f"{running.name} does not run on {server.backend}: "
                         f"{running.output().strip()}")
