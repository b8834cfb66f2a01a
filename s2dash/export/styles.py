"""How GIS programs are told names and colours of the classes: styles for QGIS, for SLD readers and for ArcGIS.

QGIS takes NAME.qml for the style of NAME.tif by itself, and of a GeoPackage the style that lies in it.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence

from s2dash.export.contents import ClassFacts

_QGIS_VERSION = "3.22.0"
"""The oldest that the styles were tried with; later ones read them too."""
_SLD = "http://www.opengis.net/sld"


def qml_text(classes: Sequence[ClassFacts]) -> str:
    """Style of the class map for QGIS: a palette whose entries have number, colour and name, in the order given."""
    root = ET.Element("qgis", version=_QGIS_VERSION, styleCategories="Symbology")
    pipe = ET.SubElement(root, "pipe")
    renderer = ET.SubElement(pipe, "rasterrenderer", type="paletted", band="1", opacity="1", alphaBand="-1")
    palette = ET.SubElement(renderer, "colorPalette")
    for c in classes:
        ET.SubElement(palette, "paletteEntry", value=str(c.id), color=c.colour, alpha="255", label=c.name)
    # Class numbers have no values between them.
    ET.SubElement(pipe, "rasterresampler", zoomedInResampler="", zoomedOutResampler="", maxOversampling="1")
    ET.SubElement(root, "blendMode").text = "0"
    return _document(root, "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>")


def polygon_qml_text(classes: Sequence[ClassFacts], field: str) -> str:
    """Style of polygons for QGIS: filled by the class whose number stands in the field, without outlines."""
    root = ET.Element("qgis", version=_QGIS_VERSION, styleCategories="Symbology")
    renderer = ET.SubElement(root, "renderer-v2", type="categorizedSymbol", attr=field, symbollevels="0")
    categories, symbols = ET.SubElement(renderer, "categories"), ET.SubElement(renderer, "symbols")
    for place, c in enumerate(classes):
        ET.SubElement(categories, "category", symbol=str(place), value=str(c.id), label=c.name, render="true")
        symbol = ET.SubElement(symbols, "symbol", name=str(place), type="fill", alpha="1")
        layer = ET.SubElement(symbol, "layer", {"class": "SimpleFill", "enabled": "1"})
        red, green, blue = c.rgb
        for name, value in (("color", f"{red},{green},{blue},255"), ("style", "solid"), ("outline_style", "no")):
            ET.SubElement(layer, "prop", k=name, v=value)
    return _document(root, "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>")


def sld_text(classes: Sequence[ClassFacts], title: str) -> str:
    """Style of the class map as SLD 1.0: a colour map of single values, as GeoServer and QGIS read it."""
    ET.register_namespace("", _SLD)
    root = ET.Element(f"{{{_SLD}}}StyledLayerDescriptor", version="1.0.0")
    layer = _within(root, "NamedLayer")
    _within(layer, "Name").text = "classes"
    style = _within(layer, "UserStyle")
    _within(style, "Title").text = title
    symbolizer = _within(_within(_within(style, "FeatureTypeStyle"), "Rule"), "RasterSymbolizer")
    _within(symbolizer, "Opacity").text = "1.0"
    colours = _within(symbolizer, "ColorMap")
    colours.set("type", "values")
    for c in classes:
        entry = _within(colours, "ColorMapEntry")
        for name, value in (("color", c.colour), ("quantity", str(c.id)), ("label", c.name), ("opacity", "1")):
            entry.set(name, value)
    return _document(root, '<?xml version="1.0" encoding="UTF-8"?>')


def clr_text(classes: Sequence[ClassFacts]) -> str:
    """Colour map for ArcGIS: number, red, green and blue of each class on a line."""
    return "".join(f"{c.id} {' '.join(map(str, c.rgb))}\r\n" for c in classes)


def _within(element: ET.Element, name: str) -> ET.Element:
    return ET.SubElement(element, f"{{{_SLD}}}{name}")


def _document(root: ET.Element, head: str) -> str:
    ET.indent(root)
    return f"{head}\n{ET.tostring(root, encoding='unicode')}\n"
