"""Every map of the session kept by itself: the list of runs, restoring one, and undo over all changes."""
