"""How fast the toolkit is, in ratios of runs on one machine; started by scripts/bench."""
