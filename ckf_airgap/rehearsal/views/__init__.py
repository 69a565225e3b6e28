"""What clients see of a model: status, deltas, watchers."""
