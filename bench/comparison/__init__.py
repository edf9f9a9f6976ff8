"""The comparison with the article's servers: what ./dev compare measures, finds and writes. See
../README.md."""
