"""Two dates, of the page's scene and another on the map or of `Many scenes`: side by side, what changed, areas."""
