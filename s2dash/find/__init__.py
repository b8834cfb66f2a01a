"""Finding Sentinel-2 scenes in a catalogue (STAC), and loading the ground and bands of them that are wanted.

Nothing of s2dash but `door` and `ranges` here asks a server that a catalogue named.
"""
