"""Packs on the page: everything of a map in one zip, made in `Hand over`, and opened again like a scene."""
