"""The comparison with the article's servers: the measurements, findings and pages of ./dev compare.
See ../README.md."""
