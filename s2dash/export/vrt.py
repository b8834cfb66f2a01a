"""The head of a GDAL VRT of class numbers (https://gdal.org/en/stable/drivers/raster/vrt.html); sources follow."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping

from affine import Affine

from s2dash.core.grid import Grid


def class_vrt(
    grid: Grid, crs_wkt: str | None, tags: Mapping[str, str], colours: Iterable[tuple[int, int, int, int]]
) -> tuple[ET.Element, ET.Element]:
    """A dataset of one band of classes without its sources, and that band.

    Parameters
    ----------
    colours : red, green, blue and opacity of no data and of each class, 0 to 255
    """
    root = ET.Element("VRTDataset", rasterXSize=str(grid.width), rasterYSize=str(grid.height))
    if crs_wkt is not None:
        # Without an axis mapping GDAL takes x before y, as the transform has them, for degrees too.
        ET.SubElement(root, "SRS").text = crs_wkt
    t = grid.transform
    if t != Affine.identity():
        ET.SubElement(root, "GeoTransform").text = ", ".join(repr(float(v)) for v in (t.c, t.a, t.b, t.f, t.d, t.e))
    metadata = ET.SubElement(root, "Metadata")
    for key, value in tags.items():
        ET.SubElement(metadata, "MDI", key=key).text = value
    band = ET.SubElement(root, "VRTRasterBand", dataType="Byte", band="1")
    ET.SubElement(band, "Description").text = "Class"
    ET.SubElement(band, "NoDataValue").text = "0"
    ET.SubElement(band, "ColorInterp").text = "Palette"
    table = ET.SubElement(band, "ColorTable")
    for red, green, blue, opacity in colours:
        ET.SubElement(table, "Entry", c1=str(red), c2=str(green), c3=str(blue), c4=str(opacity))
    return root, band
