"""What the map shows: pictures, classes and levels of detail as web tiles."""
