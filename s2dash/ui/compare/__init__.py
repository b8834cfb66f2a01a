"""Two maps beside each other: which two, what the map shows of them, and what is said of their differences."""
