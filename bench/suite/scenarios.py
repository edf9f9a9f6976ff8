"""The load of each scenario, as the client's options."""
import dataclasses

CONNECTIONS_IDLE = 15_000


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    connections: int
    bytes: int  # of a message
    depth: int = 1
    is_framed: bool = False  # each message ends with a line feed, which counts as one of its bytes
    is_churn: bool = False  # a connection for each message
    idle: int = 0  # connections that another process holds open meanwhile

    @property
    def mode(self):
        """The mode in which the servers run."""
        return "lines" if self.is_framed else "echo"

    def options(self, count):
        """The client's options, for `count` messages of each connection."""
        size = self.bytes - 1 if self.is_framed else self.bytes
        options = ["--size", str(size), "--connections", str(self.connections), "--count",
                   str(count), "--depth", str(self.depth)]
        if self.is_framed:
            options += ["--framing", "delimiter"]
        if self.is_churn:
            # A port that was used waits a minute (a second for the same peer): one address has too
            # few of them.
            options += ["--messages-per-connection", "1", "--source", "127.0.0.1-127.0.0.8"]
        return options


SCENARIOS = [
    Scenario("ping_1", "1 connection", connections=1, bytes=64),
    Scenario("ping_64", "64 connections", connections=64, bytes=64),
    Scenario("ping_512", "512 connections", connections=512, bytes=64),
    Scenario("depth16", "depth 16", connections=64, bytes=64, depth=16),
    Scenario("depth16_lines", "depth 16, lines", connections=64, bytes=64, depth=16,
             is_framed=True),
    Scenario("16_KiB", "16 KiB", connections=16, bytes=16 * 1024),
    Scenario("stream_1_MiB", "1 MiB", connections=4, bytes=1024 * 1024),
    Scenario("churn", "churn", connections=64, bytes=64, is_churn=True),
    Scenario("idle_15000", "15,000 idle", connections=64, bytes=64, idle=CONNECTIONS_IDLE),
]

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
