"""The parts of a script that say what was chosen and learnt, and the functions that the other parts take."""

from __future__ import annotations

import base64
import inspect
import textwrap
import zlib
from collections.abc import Callable

import numpy as np

from s2dash.core.edits import Majority, Sieve
from s2dash.errors import RecipeError
from s2dash.export.contents import class_facts
from s2dash.export.learnt import Bisection, Centres, Mixture, Rule, Space
from s2dash.export.recipe_words import step_words
from s2dash.export.script import code
from s2dash.export.script.facts import MASK_NAME, Facts
from s2dash.export.script.numbers import array, text_of, tree
from s2dash.raster import resample
from s2dash.raster.reading import SceneReader

_MOST_AREA_CHARACTERS = 100_000


def imports(facts: Facts) -> str:
    """What the script imports."""
    uses = [
        *(["import base64"] if facts.areas else []),
        *(["import heapq"] if _has(facts, Sieve) else []),
        "import re",
        "import sys",
        *(["import zlib"] if facts.areas else []),
        *(["from collections.abc import Sequence", "from dataclasses import dataclass"] if facts.resamples else []),
        "from pathlib import Path",
        "from types import SimpleNamespace" if facts.resamples else "",
        "from typing import Any",
        "",
        "import numpy as np",
        "import rasterio",
        "from affine import Affine" if facts.resamples else "",
        "from rasterio.enums import ColorInterp, MaskFlags",
        "from rasterio.windows import Window",
    ]
    return "\n".join(line for line in uses if line or uses.index(line) == uses.index("")).replace("\n\n\n", "\n\n")


def chosen(facts: Facts) -> str:
    """Bands, numbers, masks, shape and classes, as values at the top."""
    scene, recipe = facts.scene, facts.handover.result.recipe
    names = facts.read
    one_file = len({layer.location for layer in scene.layers}) == 1
    numbers = {name: scene.layers[p].index if one_file else p + 1 for name, p in names.items()}
    origins = {name: scene.origins[p] for name, p in names.items() if p < len(scene.origins) and scene.origins[p]}
    if facts.classifications:
        numbers[MASK_NAME] = 0
    lines = [
        f"BANDS = {text_of([scene.bands[p].name for p in facts.learnt.positions])}",
        "# Number of each band where a single file has them all and does not name them; 0 where only a name tells.",
        f"NUMBERS = {text_of(numbers)}",
    ]
    lines += ["# Names of the files that bands were in.", f"ORIGINS = {text_of(origins)}"]
    if facts.learnt.indices or facts.learnt.on_reflectance or recipe.transform != "none":
        used = list(names.values())
        offsets = dict(zip(names, scene.offsets_of(used).tolist(), strict=True))
        quantifications = dict(zip(names, scene.quantifications_of(used).tolist(), strict=True))
        what = "A value of the embedding" if scene.is_embedding else "Reflectance"
        lines += [f"# {what} is (stored + OFFSET) / QUANTIFICATION."]
        lines += [f"OFFSET = {text_of(offsets)}", f"QUANTIFICATION = {text_of(quantifications)}"]
    if facts.classifications:
        codes = {c: facts.scene.mask_classes.get(c, f"class {c}") for c in recipe.masking.scl}
        lines += ["# Of the scene classification, what is left out.", f"LEFT_OUT = {text_of(codes)}"]
    if facts.areas:
        lines += ["# The area that counts, one bit a pixel.", f"AREA = {_area(facts)}"]
    shape = facts.scene.grid.shape_rc
    classes = {c.id: (c.name, c.colour) for c in class_facts(facts.handover.result, facts.handover.legend)}
    lines += [
        f"SHAPE = {shape}  # rows and columns of the map",
        f"CLASSES = {text_of(classes)}",
        f"SEED = {recipe.seed}",
    ]
    if facts.resamples:
        transform = tuple(float(value) for value in facts.scene.grid.transform[:6])
        lines += ["# The map's own grid, to which bands of other pixel sizes are brought."]
        lines += [f"TRANSFORM = Affine(*{text_of(transform)})"]
    return "\n".join(lines)


def _area(facts: Facts) -> str:
    scene = facts.scene
    inside = np.ones(scene.grid.shape_rc, dtype=bool)
    rows, cols = np.arange(scene.grid.height), np.arange(scene.grid.width)
    with SceneReader(scene) as reader:
        for mask in facts.areas:
            inside &= reader.codes(mask.layer, rows, cols) != 0
    packed = base64.b64encode(zlib.compress(np.packbits(inside).tobytes(), 9)).decode()
    if len(packed) > _MOST_AREA_CHARACTERS:
        raise RecipeError("No script can be made of this map. Its area has too many corners to stand in a script.")
    lines = [f"    {line!a}" for line in textwrap.wrap(packed, 100)]
    return "(\n" + "\n".join(lines) + "\n)"


def _space_lines(prefix: str, space: Space, always_axes: bool = False) -> list[str]:
    axes = np.eye(len(space.shift)) if space.axes is None and always_axes else space.axes
    names = ("low", "high", "shift", "scale")
    lines = [f"    {name}={array(getattr(space, name))}," for name in names]
    lines += [f"    axes={'None' if axes is None else array(axes)},"]
    return [f"{prefix} = dict(", *(textwrap.indent(line, "    ")[4:] for line in lines), ")"]


def learnt(facts: Facts) -> str:
    """What the fit found, as numbers."""
    learnt = facts.learnt
    lines = []
    if learnt.smoothed_in is not None:
        lines += ["# From features to the components in which neighbours are compared."]
        lines += _space_lines("COMPONENTS", learnt.smoothed_in, always_axes=True)
    lines += ["# What features are before they are grouped: (clip(x, low, high) - shift) / scale, on axes if any."]
    lines += _space_lines("SPACE", learnt.space)
    lines += _rule_lines("CLASS_RULE", learnt.rule)
    for at, rule in learnt.parts.items():
        lines += [f"# {step_words(facts.handover.result.edits.steps[at])}", *_rule_lines(f"PARTS_{at + 1}", rule)]
    return "\n".join(lines)


def _rule_lines(name: str, rule: Rule) -> list[str]:
    match rule:
        case Centres():
            return [
                f"{name} = dict(",
                f"    centres={array(rule.centres)},",
                f"    by_angle={rule.by_angle},",
                *([] if rule.bias is None else [f"    bias={array(rule.bias)},  # of Mahalanobis distance"]),
                ")",
                "# The class of each centre.",
                f"{name}_NUMBERS = np.array({text_of(rule.numbers.tolist())}, dtype=np.uint8)",
            ]
        case Mixture():
            found = ("weights", "means", "covariances", "precisions_cholesky")
            lines = [f"    {text_of(f'{one}_')}: {array(getattr(rule, one))}," for one in found]
            numbers = f"{name}_NUMBERS = np.array({text_of(rule.numbers.tolist())}, dtype=np.uint8)"
            return [f"{name} = {{", *lines, "}", f"{name}_KIND = {text_of(rule.covariance_type)}", numbers]
        case Bisection():
            return ["# (two centres, where the first leads, where the second leads)", f"{name} = {tree(rule.root)}"]


def _has(facts: Facts, kind: type) -> bool:
    return any(isinstance(step, kind) for step in facts.handover.result.edits.steps)


def functions(facts: Facts) -> str:
    """The functions of `code` that this recipe takes."""
    learnt, recipe = facts.learnt, facts.handover.result.recipe
    wanted: list[Callable[..., object]] = [code.find_bands]
    wanted += [] if facts.resamples else [code.read_rows]
    wanted += [code.shown_in] if facts.masks_nodata else []
    wanted += [code.shown_rows] if facts.masks_nodata and not facts.resamples else []
    wanted += [code.mean_of_3x3] if recipe.smooth == 3 else []
    wanted += [code.to_components, code.smooth_keeping_edges] if learnt.smoothed_in is not None else []
    wanted += [code.scaled_rows]
    wanted += [code.nearest_centre] if any(isinstance(rule, Centres) for rule in facts.rules) else []
    wanted += [code.most_likely_cloud] if any(isinstance(rule, Mixture) for rule in facts.rules) else []
    wanted += [code.down_the_tree] if any(isinstance(rule, Bisection) for rule in facts.rules) else []
    wanted += [code.majority] if _has(facts, Majority) else []
    if _has(facts, Sieve):
        wanted += [code.patches_of, code.borders_of, code.find, code.join_equal, code.sieve]
    wanted += [code.agreement, code.write_map]
    texts = [inspect.getsource(function).rstrip() for function in wanted]
    if facts.resamples:
        texts.insert(1, _resampling())
    return "\n\n\n".join(texts)


def _resampling() -> str:
    """The program's own way of bringing bands to one grid, and reading with it."""
    parts = (
        resample.Relation,
        resample.Axis,
        resample.relation,
        resample._snapped,
        resample._axis,
        resample.resampled,
        resample.nearest,
        resample._weighted,
        resample._along,
        resample._as_dtype,
    )
    constants = "\n".join(f"{name} = {getattr(resample, name)!r}" for name in ("_TINY_SHARE", "_HALF", "_SAME_PX"))
    sources = "\n\n\n".join(inspect.getsource(part).rstrip() for part in parts)
    sources = sources.replace(
        "axes(self, rows: np.ndarray, cols: np.ndarray) -> tuple[Axis, Axis]:", "axes(self, rows, cols):"
    )
    return "\n\n\n".join(
        [
            "InputError = ValueError\nGrid = Any",
            constants,
            sources,
            inspect.getsource(code.read_on_grid).rstrip(),
            inspect.getsource(code.shown_on_grid).rstrip(),
        ]
    )
