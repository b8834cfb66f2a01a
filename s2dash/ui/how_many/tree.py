"""The tree of nested groups as a small picture: its branches, the cut, the classes, and what splits next."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from s2dash.classify.algorithms.nested_groups import NestedModel
from s2dash.classify.algorithms.ward import Tree
from s2dash.classify.fitted import Fitted
from s2dash.core.legend import Legend
from s2dash.ui import text

_FEWEST_BRANCHES = 12
_BEYOND_THE_CUT = 4


@dataclass
class _Layout:
    """Where the branches of a tree lie: along the level at which they split, down by rows."""

    tree: Tree
    cut: int
    branches: int
    lines: list[tuple[float, float, float, float, bool]] = field(default_factory=list)
    """x1, y1, x2, y2, and whether it stands before the cut."""
    rows: dict[int, tuple[int, int]] = field(default_factory=dict)
    """First and last row of the branches below each node."""
    heights: dict[int, float] = field(default_factory=dict)
    count: int = 0

    def place(self, node: int) -> None:
        level = self.level(node)
        if level >= self.branches:
            self.rows[node], self.heights[node] = (self.count, self.count), float(self.count)
            self.count += 1
            return
        pair = sorted(self.tree.merges[node - self.tree.leaf_count].tolist(), key=self._first_leaf)
        for child in pair:
            self.place(child)
        first, last = (self.heights[child] for child in pair)
        before = level < self.cut
        self.lines.append((level, first, level, last, before))
        self.lines += [
            (level, self.heights[child], min(self.level(child), self.branches), self.heights[child], before)
            for child in pair
        ]
        self.rows[node] = self.rows[pair[0]][0], self.rows[pair[1]][1]
        self.heights[node] = (first + last) / 2

    def level(self, node: int) -> int:
        """How many groups there are where the node is one of them for the last time."""
        return 2 * self.tree.leaf_count - 1 - node if node >= self.tree.leaf_count else self.tree.leaf_count

    def _first_leaf(self, node: int) -> int:
        while node >= self.tree.leaf_count:
            node = int(self.tree.merges[node - self.tree.leaf_count].min())
        return node


def tree_data(fitted: Fitted, legend: Legend) -> dict[str, Any]:
    """Everything the picture shows, as plain values; names are raw, the picture shows them as text only."""
    model = _model(fitted)
    tree, k = model.tree, fitted.recipe.k
    layout = _Layout(tree, k, min(tree.leaf_count, max(_FEWEST_BRANCHES, k + _BEYOND_THE_CUT)))
    layout.place(2 * tree.leaf_count - 2)
    number_of = _numbers(fitted)
    split = tree.splits_into(k)
    return {
        "cut": k,
        "branches": layout.branches,
        "lines": layout.lines,
        "next": layout.heights.get(split[0]) if split else None,
        "classes": [
            {
                "name": legend.entries[number - 1].name,
                "colour": legend.entries[number - 1].colour,
                "rows": layout.rows[node],
            }
            for node, number in number_of.items()
        ],
        "words": text.heard(split_words(fitted, legend)),
    }


def split_words(fitted: Fitted, legend: Legend) -> str:
    """Which two classes the last step made, and which one the next step would split; Markdown."""
    model, k = _model(fitted), fitted.recipe.k
    number_of = _numbers(fitted)
    names = {entry.id: text.plain(entry.name) for entry in legend.entries}
    before, after = model.tree.splits_into(k - 1), model.tree.splits_into(k)
    sentences = []
    if before is not None:
        first, second = sorted(number_of[node] for node in before[1])
        sentences.append(f"**{k - 1} to {k}:** {names[first]} and {names[second]} became two.")
    if after is not None:
        larger = max(_weight(model.tree, node) for node in after[1]) / _weight(model.tree, after[0])
        sentences.append(
            f"**{k} to {k + 1}:** {names[number_of[after[0]]]} would split, "
            f"{100 * larger:.0f} % and {100 - round(100 * larger)} %."
        )
    return " ".join(sentences)


def _model(fitted: Fitted) -> NestedModel:
    assert isinstance(fitted.model, NestedModel)
    return fitted.model


def _numbers(fitted: Fitted) -> dict[int, int]:
    """Class number of each node at the cut."""
    model = _model(fitted)
    assert model.class_of is not None
    nodes, first = np.unique(model.tree.nodes(fitted.recipe.k), return_index=True)
    numbers = fitted.number_of[model.class_of[first]]
    return {int(node): int(number) for node, number in zip(nodes, numbers, strict=True)}


def _weight(tree: Tree, node: int) -> float:
    """Pixels of the sample below a node."""
    if node < tree.leaf_count:
        return float(tree.weights[node])
    return sum(_weight(tree, int(child)) for child in tree.merges[node - tree.leaf_count])
