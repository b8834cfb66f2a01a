"""Opens the map for a GIS in QGIS, without a window, and draws it with the legend that QGIS then shows.

Run by the Python that QGIS belongs to (Debian: `apt-get install qgis python3-qgis`), on the unpacked GIS bundle or
on polygons:

    QT_QPA_PLATFORM=offscreen python3 docs/open_in_qgis.py MAP-classes.tif docs/images/qgis.png

Prints the legend as JSON: a list of [name, colour]. No style is given by hand: it is what lies beside or in the file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from qgis.core import (
    QgsApplication,
    QgsLayerTreeModel,
    QgsLegendRenderer,
    QgsLegendSettings,
    QgsLegendStyle,
    QgsMapRendererCustomPainterJob,
    QgsMapSettings,
    QgsProject,
    QgsRasterLayer,
    QgsRenderContext,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor, QImage, QPainter

_MAP, _LEGEND, _GAP = 700, 330, 20
"""Pixels: side of the map, width of the legend, and what is between them."""

_DOTS_PER_MM = 96 / 25.4


def main(path: Path, out: Path) -> None:
    """Draw the map in `path`, and print its legend."""
    application = QgsApplication([], False)
    application.initQgis()
    is_raster = path.suffix == ".tif"
    layer = (QgsRasterLayer if is_raster else QgsVectorLayer)(str(path), path.stem)
    if not layer.isValid():
        raise SystemExit(f"QGIS does not open {path}.")
    QgsProject.instance().addMapLayer(layer)
    print(json.dumps(_entries(layer, is_raster)))
    _draw(layer).save(str(out))
    QgsProject.instance().clear()


def _entries(layer, is_raster: bool) -> list[list[str]]:
    renderer = layer.renderer()
    if is_raster:
        return [[one.label, one.color.name()] for one in renderer.classes()]
    return [[one.label(), one.symbol().color().name()] for one in renderer.categories()]


def _draw(layer) -> QImage:
    picture = QImage(QSize(_MAP + _LEGEND + 3 * _GAP, _MAP + 2 * _GAP), QImage.Format_ARGB32_Premultiplied)
    picture.fill(QColor("white"))
    painter = QPainter(picture)
    painter.translate(_GAP, _GAP)
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setDestinationCrs(layer.crs())
    settings.setExtent(layer.extent())
    settings.setOutputSize(QSize(_MAP, _MAP))
    job = QgsMapRendererCustomPainterJob(settings, painter)
    job.start()
    job.waitForFinished()
    painter.translate(_MAP + _GAP, 0)
    _draw_legend(painter)
    painter.end()
    return picture


def _draw_legend(painter: QPainter) -> None:
    looks = QgsLegendSettings()
    for kind in (QgsLegendStyle.Group, QgsLegendStyle.Subgroup, QgsLegendStyle.SymbolLabel):
        style = looks.style(kind)
        font = style.font()
        font.setPointSize(11)
        style.setFont(font)
        looks.setStyle(kind, style)
    painter.scale(_DOTS_PER_MM, _DOTS_PER_MM)  # a legend is measured in millimetres
    model = QgsLayerTreeModel(QgsProject.instance().layerTreeRoot())
    renderer = QgsLegendRenderer(model, looks)
    context = QgsRenderContext.fromQPainter(painter)
    context.setScaleFactor(_DOTS_PER_MM)
    renderer.drawLegend(context)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
