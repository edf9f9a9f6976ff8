"""The benchmark: what ./dev bench measures and writes. See ../README.md."""
