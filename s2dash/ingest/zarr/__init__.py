"""Zarr stores and the Sentinel-2 products in them: JSON checked first, then chunks by a few decoders."""
