"""The parts of a script that do the work: reading, features, classes, the whole map, and grouping anew."""

from __future__ import annotations

import numpy as np

from s2dash.core.edits import LeaveOut, Majority, Merge, Sieve, Split
from s2dash.export.learnt import Bisection, Centres, Mixture, Rule
from s2dash.export.recipe_words import step_words
from s2dash.export.script.facts import MASK_NAME, Facts
from s2dash.export.script.numbers import text_of

_CODES = (
    "    # Codes v of the embedding stand for sign(v) (|v| / 127.5)²: v |v| is that, times QUANTIFICATION.",
    "    stored = {name: codes * np.abs(codes) for name, codes in stored.items()}",
)
_NO_LIGHT, _NO_VECTOR = "Where nothing is reflected", "In a vector of zeros"


def reading(facts: Facts) -> str:
    """How stored numbers are read, and which pixels count."""
    scene, recipe = facts.scene, facts.handover.result.recipe
    names = {position: name for name, position in facts.read.items()}
    features = [names[position] for position in facts.features]
    is_float = np.issubdtype(np.dtype(scene.dtype), np.floating)
    lines = [
        "def rows_of(places, top, bottom):",
        '    """Stored numbers by band, and which pixels count, of the rows from top to bottom."""',
    ]
    if facts.resamples:
        missing = {name: tuple(map(float, scene.missing_values(position))) for name, position in facts.read.items()}
        lines = [
            f"MISSING = {text_of(missing)}",
            f"SATURATED = {text_of(scene.saturated)}",
            "",
            "",
            *lines,
            "    grid = SimpleNamespace(transform=TRANSFORM, shape_rc=SHAPE, height=SHAPE[0], width=SHAPE[1])",
        ]
        read = "read_on_grid(places[name], grid, top, bottom, MISSING[name], SATURATED)"
    else:
        read = "read_rows(places[name], top, bottom)"
    lines += [
        f"    stored = {{name: {read}.astype({scene.dtype!r}) for name in places if name != {MASK_NAME!r}}}",
        *(_CODES if facts.has_codes else ()),
        "    valid = np.ones(stored[BANDS[0]].shape, dtype=bool)",
    ]
    inside = ["valid &= np.abs(stored[name]) <= 1e30  # not a number, or none that can be"] if is_float else []
    if facts.masks_nodata:
        shown = "shown_on_grid(places[name], grid, top, bottom)" if facts.resamples else ""
        inside += [f"valid &= {shown or 'shown_rows(places[name], top, bottom)'}"]
    if recipe.masking.saturated and scene.saturated is not None:
        inside += [f"valid &= stored[name] != {text_of(scene.saturated)}  # saturated"]
    if inside:
        lines += [f"    for name in {text_of(features)}:", *(f"        {line}" for line in inside)]
    if facts.masks_nodata:
        for name, position in zip(features, facts.features, strict=True):
            alone = [fill.value for fill in scene.fills if fill.is_alone and position in fill.positions]
            values = [v for v in dict.fromkeys([scene.nodata[position], *alone]) if v is not None and not np.isnan(v)]
            if values:
                tests = " & ".join(f"(stored[{text_of(name)}] != {text_of(value)})" for value in values)
                lines += [f"    valid &= {tests}  # no data"]
    if facts.masks_nodata:
        for fill in facts.fills:
            lines += [f"    # No data where all of these hold {fill.value:g}."]
            held = f"stored[name] == {text_of(fill.value)}"
            if fill.least is not None:
                held = f"(stored[name] >= {text_of(fill.least)}) & (stored[name] <= {text_of(fill.value)})"
            of = text_of([names[position] for position in fill.positions])
            lines += [f"    valid &= ~np.logical_and.reduce([{held} for name in {of}])"]
    if facts.classifications:
        grid = "read_on_grid(places['SCL'], grid, top, bottom, None, None)"
        plain = "read_rows(places['SCL'], top, bottom)"
        lines += [
            f"    valid &= ~np.isin({grid if facts.resamples else plain}, list(LEFT_OUT))",
        ]
    if facts.areas:
        lines += [
            "    bits = np.unpackbits(np.frombuffer(zlib.decompress(base64.b64decode(AREA)), np.uint8))",
            "    valid &= bits[: SHAPE[0] * SHAPE[1]].reshape(SHAPE)[top:bottom] == 1",
        ]
    lines += ["    return stored, valid"]
    return "\n".join(lines)


def features(facts: Facts) -> str:
    """How features are made."""
    learnt, recipe, scene = facts.learnt, facts.handover.result.recipe, facts.scene
    lines = [
        "def features_of(stored, valid):",
        '    """What is grouped, shape (features, rows, cols), and which pixels count."""',
    ]
    if recipe.smooth == 3:
        used = text_of([scene.bands[position].name for position in facts.features])
        lines += [f"    stored = stored | {{name: mean_of_3x3(stored[name], valid) for name in {used}}}"]
    if learnt.on_reflectance:
        lines += [
            f"    # {_NO_VECTOR if scene.is_embedding else _NO_LIGHT} there is no direction to compare.",
            "    valid = valid & np.logical_or.reduce([stored[name] != -OFFSET[name] for name in BANDS])",
        ]
    if recipe.transform == "none" and not learnt.indices:
        lines += ["    found = np.stack([stored[name] for name in BANDS])"]
    else:
        lines += ["    layers = []", "    for name in BANDS:", "        band = stored[name].astype(np.float32)"]
        if recipe.transform != "none":
            lines += [
                "        with np.errstate(invalid='ignore'):",
                "            band = (band + np.float32(OFFSET[name])) / np.float32(QUANTIFICATION[name])",
            ]
            bent = "np.sqrt(np.maximum(band, 0))"
            if recipe.transform == "log":
                bent = "np.log(np.maximum(band, 0) + np.float32(0.02))"
            lines += [f"            band = {bent}"]
        lines += ["        layers.append(band)"]
        for index in learnt.indices:
            lines += [f"    # {index.name} = {index.formula}"]
            for letter, position in index.positions:
                name = scene.bands[position].name
                lines += [
                    f"    {letter} = ((stored[{name!r}].astype(np.float32) + np.float32(OFFSET[{name!r}]))",
                    f"        / np.float32(QUANTIFICATION[{name!r}])).astype(np.float64)",
                ]
            lines += [
                "    with np.errstate(divide='ignore', invalid='ignore'):",
                f"        index = np.clip({index.formula}, -1, 1).astype(np.float32)",
                "    layers.append(index)",
                "    valid = valid & np.isfinite(index)",
            ]
        lines += ["    found = np.stack(layers)"]
    if learnt.smoothed_in is not None:
        lines += ["    found = smooth_keeping_edges(to_components(found, **COMPONENTS), valid)"]
    lines += ["    return found, valid"]
    return "\n".join(lines)


def classes(facts: Facts) -> str:
    """How pixels find their classes."""
    lines = [
        "def labels_of(found, valid):",
        '    """Class of each pixel, 0 where none; and each split class\'s parts, by the edit\'s number."""',
        "    flat = found[:, valid]",
        "    labels, parts = np.zeros(valid.shape, dtype=np.uint8), {}",
        f"    labels[valid] = {_asked('CLASS_RULE', facts.learnt.rule)}",
    ]
    for at, rule in facts.learnt.parts.items():
        lines += [
            f"    parts[{at + 1}] = np.zeros(valid.shape, dtype=np.uint8)",
            f"    parts[{at + 1}][valid] = {_asked(f'PARTS_{at + 1}', rule)}",
        ]
    lines += ["    return labels, parts"]
    return "\n".join(lines)


def _asked(name: str, rule: Rule) -> str:
    match rule:
        case Centres():
            return f"{name}_NUMBERS[nearest_centre(flat, **SPACE, **{name})]"
        case Mixture():
            return f"{name}_NUMBERS[most_likely_cloud(scaled_rows(flat, **SPACE), {name}_KIND, {name})]"
        case Bisection():
            return f"down_the_tree(scaled_rows(flat, **SPACE).astype({rule.dtype!r}), {name})"


def whole(facts: Facts) -> str:
    """The whole map strip by strip, and the edits."""
    halo = facts.halo
    lines = [
        "def every_strip(files):",
        '    """Features and which pixels count, some rows at a time: (first row, features, valid)."""',
        "    places = find_bands(files, NUMBERS, ORIGINS)",
        "    missing = [name for name in NUMBERS if name not in places]",
        "    if missing:",
        "        sys.exit(f\"No file has the band {', '.join(missing)}. Name the files that hold it.\")",
    ]
    if not facts.resamples:
        lines += [
            "    with rasterio.open(places[BANDS[0]][0]) as file:",
            "        if file.shape != SHAPE:",
            '            sys.exit(f"The file has {file.shape} rows and columns, but the map was made of {SHAPE}.")',
        ]
    lines += [
        "    height, width = SHAPE",
        "    step = max(64, 2_000_000 // width)",
        "    for top in range(0, height, step):",
        "        bottom = min(top + step, height)",
    ]
    if halo:
        lines += [
            f"        first, last = max(0, top - {halo}), min(height, bottom + {halo})  # neighbours count too",
            "        found, valid = features_of(*rows_of(places, first, last))",
            "        inner = slice(top - first, bottom - first)",
            "        yield top, found[:, inner], valid[inner]",
        ]
    else:
        lines += ["        yield top, *features_of(*rows_of(places, top, bottom))"]
    lines += [
        "",
        "",
        "def make_map(files):",
        '    """Classes of the whole picture, 0 where there is no data."""',
        "    strips = [labels_of(found, valid) for _, found, valid in every_strip(files)]",
        "    labels = np.concatenate([one for one, _ in strips])",
    ]
    for at, step in enumerate(facts.handover.result.edits.steps):
        lines += [f"    # Edit {at + 1}: {step_words(step)}."]
        match step:
            case Merge():
                lines += [f"    labels[np.isin(labels, {text_of(list(step.classes))})] = {step.into}"]
            case LeaveOut():
                lines += [f"    labels[labels == {step.number}] = 0"]
            case Majority():
                lines += [f"    labels = majority(labels, {step.size})"]
            case Sieve():
                lines += [f"    labels = sieve(labels, {facts.learnt.least[at]}, {step.neighbours})"]
            case Split():
                lines += [
                    f"    part = np.concatenate([parts[{at + 1}] for _, parts in strips])",
                    f"    labels = np.where(labels == {step.number}, part, labels)",
                ]
    lines += ["    return labels"]
    return "\n".join(lines)


_ANEW = {
    "kmeans": ("KMeans", "KMeans({k}, n_init=10, random_state=SEED)"),
    "minibatch-kmeans": ("MiniBatchKMeans", "MiniBatchKMeans({k}, n_init=10, random_state=SEED)"),
    "bisecting-kmeans": ("BisectingKMeans", "BisectingKMeans({k}, n_init=4, random_state=SEED)"),
    "gaussian-mixture": ("GaussianMixture", "GaussianMixture({k}, random_state=SEED)"),
    "birch": ("Birch", "Birch(threshold=0.2, n_clusters={k})"),
}
"""scikit-learn's estimator that is closest to each algorithm; k-means for those that it has not."""


def refit(facts: Facts) -> str:
    """Grouping a sample anew with scikit-learn."""
    recipe = facts.handover.result.recipe
    name, made = _ANEW.get(recipe.algorithm, _ANEW["kmeans"])
    if recipe.distance == "mahalanobis":
        name, made = "GaussianMixture", 'GaussianMixture({k}, covariance_type="tied", random_state=SEED)'
    home = "sklearn.mixture" if name == "GaussianMixture" else "sklearn.cluster"
    weighs = recipe.favour_rare and name in ("KMeans", "MiniBatchKMeans", "BisectingKMeans", "GaussianMixture")
    sample = recipe.sample or facts.scene.grid.pixel_count
    lines = [
        "def refit(files):",
        '    """Group a sample of pixels anew, and say how much of it falls as in the map."""',
        f"    from {home} import {name}",
        "",
        "    rng = np.random.default_rng(SEED)",
        f"    share = min(1.0, {2 * sample} / (SHAPE[0] * SHAPE[1]))",
        "    drawn = []",
        "    for _, found, valid in every_strip(files):",
        "        flat = found[:, valid]",
        "        drawn.append(flat[:, rng.random(flat.shape[1]) < share])",
        "    flat = np.concatenate(drawn, axis=1)",
        f"    if flat.shape[1] > {sample}:",
        f"        flat = flat[:, np.sort(rng.choice(flat.shape[1], {sample}, replace=False))]",
        "    rows = scaled_rows(flat, **SPACE)",
    ]
    if facts.learnt.rule.by_angle if isinstance(facts.learnt.rule, Centres) else False:
        lines += ["    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)"]
    if weighs:
        lines += [
            "    # Rare kinds count for more: each pixel weighs its kind's frequency to the power of -1/2.",
            "    from sklearn.cluster import KMeans as Kinds",
            "",
            "    kinds = Kinds(min(64, len(rows)), n_init=1, random_state=SEED).fit_predict(rows)",
            "    weights = np.bincount(kinds)[kinds] ** -0.5",
        ]
    fitted = made.format(k=recipe.k)
    if name == "GaussianMixture":
        drawn = "rows[rng.choice(len(rows), len(rows), p=weights / weights.sum())]" if weighs else "rows"
        lines += [f"    anew = {fitted}.fit({drawn}).predict(rows)"]
    elif name == "Birch":
        lines += [f"    anew = {fitted}.fit_predict(rows)"]
    else:
        weight = ", sample_weight=weights" if weighs else ""
        lines += [f"    anew = {fitted}.fit(rows{weight}).predict(rows)"]
    lines += [
        "    labels, _ = labels_of(flat[:, None], np.ones((1, flat.shape[1]), dtype=bool))",
        "    return agreement(labels[0], anew)",
    ]
    return "\n".join(lines)
