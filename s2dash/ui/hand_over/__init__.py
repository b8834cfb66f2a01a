"""The window `Hand over`: what is said of a map, asked once, and everything that the map can be saved as."""
