"""The common part of the benchmark and the comparison: starting and watching programs, the client,
the machine, statistics. See ../README.md."""
