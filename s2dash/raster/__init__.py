"""The one door to GDAL: how rasters are opened and made (`door`). Its environment is set by the package itself."""
