"""What the program costs, as ratios within one run: `python -m benchmarks`."""
