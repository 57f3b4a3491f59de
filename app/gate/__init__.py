"""A decision that is committed beside the code and held against what is known now: task, lock, drift, formats. No clock, no network."""
