"""Two dates of the scenes in `Many scenes`: side by side, what changed, and areas over all dates."""
