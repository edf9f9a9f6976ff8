"""The loads of the servers: the client's options."""
import dataclasses

CONNECTIONS = (1, 8, 64, 512, 2000)
CONNECTIONS_QUICK = (1, 64, 512)
# Above it, starting a thread for each of 2,000 clients takes a quarter of a minute in each run.
TIMED_MAX_UNDER_WINE = 512
TIMED_MAX_UNDER_WINE_QUICK = 64

# A port that was used waits a minute (a second for the same peer): one address has too few of them.
MANY_PORTS = ("--source", "127.0.0.1-127.0.0.8")


@dataclasses.dataclass(frozen=True)
class Load:
    name: str
    plugin: str
    connections: int
    bytes: int = 64
    is_visit: bool = False  # a client sends one message and goes

    def options(self, amount):
        """The client's options; `amount`: ("--duration", "400ms") or ("--count", "1")."""
        options = ["--size", str(self.bytes), "--connections", str(self.connections), *MANY_PORTS,
                   *amount]
        if self.plugin == "ack":
            options += ["--expect", "text:Message received successfully"]
        if self.is_visit:
            options += ["--messages-per-connection", "1"]
        return options

    def takes(self, contestant):
        """Whether a contestant takes part. One to one serves nobody else while a client stays, so
        it takes part if there is one client, or if clients go."""
        return contestant.is_for_all or self.connections == 1 or self.is_visit


def pings(plugin, connections):
    return [Load(f"{plugin}_{count}", plugin, count) for count in connections]


LARGE = Load("large", "echo", 8, bytes=16 * 1024)
VISITS = Load("visits", "echo", 64, is_visit=True)


def all_loads(connections):
    """The loads with so many connections; every other number of them has the acknowledgement."""
    return [*pings("echo", connections), LARGE, VISITS, *pings("ack", connections[::2])]
