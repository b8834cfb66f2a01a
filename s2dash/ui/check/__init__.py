"""The check of a map by its user: places asked about one by one, and what the answers say of the map."""
