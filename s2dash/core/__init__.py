"""The values that everything else is said in: plain, frozen, to JSON and back; nothing here reads or writes files."""
