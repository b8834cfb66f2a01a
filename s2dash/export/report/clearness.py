"""How clearly pixels belong to their classes, as a report tells it: no measure of right, but of where to look twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from s2dash.core.classmap import ClassMap
from s2dash.core.sureness import Sureness
from s2dash.core.types import Window
from s2dash.export.contents import ClassFacts, label_strips
from s2dash.export.handover import Handover
from s2dash.export.picture import percent
from s2dash.export.report.blocks import Block, Cell, Heading, Remark, Row, Swatch, Table

_WORDS = (
    "How much more a pixel is like its own class than like the next one. The least clear tenth of this map could be "
    "either, the next fifth is likely, the rest is clear. That says where to look twice, not how right the map is."
)
_HEADS = ("Class", "Could be either", "Likely", "Clear")
_QUANTILES = (0.1, 0.3)
"""Of all pixels, where the second and the third step begin."""


def clearness_blocks(handover: Handover, classes: Sequence[ClassFacts]) -> Iterator[Block]:
    """Nothing where that has not been worked out. Raises as `label_strips`."""
    if handover.sureness is None:
        return
    counts = _counts(handover.result.classmap, handover.sureness)
    whole = counts.sum(axis=0)
    if not whole.any():
        return
    yield Heading("How clearly pixels belong to their class")
    yield Remark(_WORDS)
    steps = [_step_begins(whole, share) for share in _QUANTILES]
    rows = (Row(c.name, tuple(map(Cell, _shares(counts[c.id], steps))), Swatch(str(c.id), c.colour)) for c in classes)
    yield Table(_HEADS, tuple(rows))


def _counts(classmap: ClassMap, sureness: Sureness) -> np.ndarray:
    """Pixels by class number and percent, shape (256, 101), int64; read strip by strip."""
    counts = np.zeros((256, 256), dtype=np.int64)
    for row, labels in label_strips(classmap):
        percents = sureness.read(Window(row, 0, *labels.shape))
        both = labels.astype(np.int64) * 256 + percents
        counts += np.bincount(both[labels > 0], minlength=counts.size).reshape(counts.shape)
    return counts[:, :101]


def _step_begins(whole: np.ndarray, share: float) -> int:
    """The percent at that share of all pixels from the least clear, as `numpy.quantile` with `lower` has it."""
    at = int(share * (whole.sum() - 1))
    return int(np.searchsorted(np.cumsum(whole), at, side="right"))


def _shares(of_class: np.ndarray, steps: Sequence[int]) -> list[str]:
    count = of_class.sum()
    parts = np.split(of_class, steps)
    return [percent(float(part.sum() / count)) if count else "" for part in parts]
