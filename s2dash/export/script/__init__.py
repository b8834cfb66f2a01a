"""The recipe as a script and as a notebook that make the map again without the program."""

from __future__ import annotations

import json
from pathlib import Path

from s2dash.export.contents import Export, file_stem, require_full, staged
from s2dash.export.handover import Handover
from s2dash.export.script.compose import head_words, parts_of
from s2dash.export.script.facts import Part, why_not

__all__ = ["NOTEBOOK", "SCRIPT", "notebook_text", "script_text", "why_not"]

_MAIN = """if __name__ == "__main__":
    import argparse

    parser = argparse.ArgumentParser(description="Make the class map again.")
    parser.add_argument("files", nargs="+", help="the picture: one GeoTIFF with all bands, or a file for each band")
    parser.add_argument("-o", "--out", default=OUT, help="the map of classes, a GeoTIFF")
    parser.add_argument("--refit", action="store_true", help="also group anew, and say how far that agrees")
    given = parser.parse_args()
    save(given.files, given.out)
    if given.refit:
        print(f"Grouped anew, {100 * refit(given.files):.1f} % of the pixels looked at fall as in this map.")"""


def _saving(handover: Handover) -> Part:
    out = file_stem(handover.title) + "-classes.tif"
    source = f'''OUT = {out!r}


def save(files, out):
    """Make the map, write it as a GeoTIFF, and say what is in it."""
    labels = make_map(files)
    with rasterio.open(find_bands(files, NUMBERS, ORIGINS)[BANDS[0]][0]) as file:
        like = {{"crs": file.crs, "transform": file.transform}}
    if like["crs"] is None:
        like = {{}}
    write_map(out, labels, like, CLASSES)
    for number, (name, _) in CLASSES.items():
        print(f"{{number:3}}  {{(labels == number).sum():10,}} pixels  {{name}}")
    return labels'''
    return Part("Saving", "A GeoTIFF with colours and names.", source)


def script_text(handover: Handover) -> str:
    """The script; raises RecipeError where none can be made (`why_not`)."""
    parts = [*parts_of(handover), _saving(handover)]
    head = "\n".join(_commented(line) for line in head_words(handover))
    name = file_stem(handover.title)
    usage = f"#\n#     python {name}.py SCENE.tif [--refit]\n#"
    blocks = [f"# {part.title}. {part.words}\n\n{part.source}" for part in parts]
    return "\n\n\n".join([f"{head}\n{usage}", *blocks, _MAIN]) + "\n"


def notebook_text(handover: Handover) -> str:
    """The same as a notebook of format 4.5 (https://nbformat.readthedocs.io); raises as `script_text`."""
    cells = [_cell(0, "markdown", "\n".join(["# The map, made again", "", *map(_plain, head_words(handover))]))]
    cells += [
        _cell(1, "code", '# The picture: one GeoTIFF with all bands, or a file for each band.\nFILES = ["scene.tif"]')
    ]
    for part in [*parts_of(handover), _saving(handover)]:
        cells += [_cell(len(cells), "markdown", f"## {part.title}\n\n{part.words}")]
        cells += [_cell(len(cells), "code", part.source)]
    cells += [_cell(len(cells), "code", "labels = save(FILES, OUT)")]
    cells += [_cell(len(cells), "code", 'print(f"Grouped anew, {100 * refit(FILES):.1f} % fall as in this map.")')]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    whole = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1, ensure_ascii=True) + "\n"


def _cell(number: int, kind: str, text: str) -> dict[str, object]:
    cell: dict[str, object] = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}, "source": text}
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def _commented(line: str) -> str:
    return f"# {line}".rstrip()


def _plain(line: str) -> str:
    """Words that Markdown takes for nothing but words."""
    start = "- " if line.startswith("- ") else ""
    return start + "".join(f"\\{c}" if c in "\\`*_{}[]<>#|!$" else c for c in line.removeprefix("- "))


def _write(text: str, out: Path) -> None:
    with staged(out) as path:
        path.write_text(text, encoding="utf-8")


def write_script(handover: Handover, out: Path) -> None:
    """Write the script; raises RecipeError for a preview or where none can be made."""
    require_full(handover.result)
    _write(script_text(handover), out)


def write_notebook(handover: Handover, out: Path) -> None:
    """Write the notebook; raises as `write_script`."""
    require_full(handover.result)
    _write(notebook_text(handover), out)


SCRIPT = Export(
    key="script",
    card="recipe",
    label="Script (Python)",
    short="Script",
    suffix="-classes.py",
    mime="text/x-python",
    help="Makes the same map with numpy, rasterio and scikit-learn alone, every step in plain code.",
    needs_full=True,
    needs_place=False,
    write=write_script,
    is_of=lambda handover: why_not(handover) is None,
)
NOTEBOOK = Export(
    key="notebook",
    card="recipe",
    label="Notebook (Jupyter)",
    short="Notebook",
    suffix="-classes.ipynb",
    mime="application/x-ipynb+json",
    help="The script as a notebook, a cell for each step.",
    needs_full=True,
    needs_place=False,
    write=write_notebook,
    is_of=lambda handover: why_not(handover) is None,
)
