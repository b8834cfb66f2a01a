"""Which of many files are a Sentinel-2 product of EOPF in a Zarr store, by their names alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from s2dash.errors import UnreadableFile
from s2dash.ingest.kinds import ZARR_NAMES, zarr_in
from s2dash.ingest.pile import Pile, shown

REFLECTANCE = "measurements/reflectance"
CLASSES = "conditions/mask/l2a_classification"
CLOUD_MASK = "conditions/mask/l1c_classification"
PROBABILITIES = "quality/probability"
PIXEL_GROUPS = ("r10m", "r20m", "r60m")
"""From the finest."""
READ_FOLDERS = (REFLECTANCE, CLASSES, CLOUD_MASK, PROBABILITIES)
"""Of a product's many arrays those that are read."""

METADATA_PATTERN = "|".join(re.escape(name) for name in ZARR_NAMES)
FOLDER_PATTERN = "|".join(READ_FOLDERS)
"""Names of what is read, from the root of a product; Python and JavaScript understand them alike."""
_READ = re.compile(f"(?:{METADATA_PATTERN})$|(?:{FOLDER_PATTERN})/")


@dataclass(frozen=True)
class Product:
    """A product among the files of a pile."""

    root: str
    """The folders around it and its own, with `/` at the end; may be empty."""
    name: str
    """What messages call it."""

    def wanted(self, names: Sequence[str]) -> list[str]:
        """Of all names those that are read."""
        found = ((name, plain_name(name)) for name in names)
        return [name for name, plain in found if plain.startswith(self.root) and _READ.match(plain[len(self.root) :])]


def products_in(pile: Pile) -> tuple[Product, ...]:
    """The products among the files, by the folder of their reflectance."""
    roots = dict.fromkeys(
        before
        for name in pile.names
        for before, marker, _ in [plain_name(name).partition(f"{REFLECTANCE}/")]
        if marker and (not before or before.endswith("/")) and "__MACOSX" not in before.split("/")
    )
    return tuple(Product(root, shown(root) if root else shown(pile.name)) for root in roots)


def plain_name(name: str) -> str:
    """The same with `/` between its parts, as stores have it."""
    return name.replace("\\", "/")


def other_zarr(pile: Pile) -> UnreadableFile | None:
    """The refusal of a store that is no product of Sentinel-2; None where there is no store."""
    store = zarr_in(pile.names, pile.name)
    if store is None:
        return None
    return UnreadableFile(
        f"{shown(store)} is a Zarr store, but no Sentinel-2 product of EOPF: it has no {REFLECTANCE} with bands. Give "
        "the whole product, or of other Zarr save the bands as GeoTIFF."
    )
