"""What the benchmark and the comparison share: starting and watching programs, the client, the
machine, statistics. See ../README.md."""
