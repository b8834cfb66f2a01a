"""How far a map can be trusted: places to look at, estimates with intervals, references, and plain words for both."""
