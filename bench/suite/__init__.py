"""The benchmark: the measurements and pages of ./dev bench. See ../README.md."""
