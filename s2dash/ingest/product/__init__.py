"""A Sentinel-2 product by its names and metadata: nothing here opens a picture."""
