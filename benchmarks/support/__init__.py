"""What the benchmarks share: load, media, processes, results."""
