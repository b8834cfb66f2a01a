"""The area outside of which nothing of a scene counts: polygons or a raster of the user's, made a mask."""
