"""What a report is built of: sections of sentences, pairs, tables and drawings, whatever form it is then given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from s2dash.core.sight import ink_on


@dataclass(frozen=True)
class Sentences:
    """One below the other, each for itself."""

    lines: tuple[str, ...]
    kind: Literal["sentences"] = "sentences"


@dataclass(frozen=True)
class Remark:
    """What is to be known beside something else."""

    words: str
    kind: Literal["remark"] = "remark"


@dataclass(frozen=True)
class Heading:
    """Over a part of a section."""

    words: str
    kind: Literal["heading"] = "heading"


@dataclass(frozen=True)
class Pairs:
    """Names and what each is."""

    pairs: tuple[tuple[str, str], ...]
    kind: Literal["pairs"] = "pairs"


@dataclass(frozen=True)
class Swatch:
    """The number of a class on its colour."""

    number: str
    colour: str
    """`#rrggbb`"""

    @property
    def ink(self) -> str:
        """What the number is written in, `#rrggbb`."""
        return ink_on(self.colour)


@dataclass(frozen=True)
class Cell:
    """One figure of a table."""

    text: str
    below: str = ""
    """A smaller line under it."""
    bar: float | None = None
    """Length of a bar under it in the row's colour, 0 to 1."""
    is_strong: bool = False
    is_words: bool = False
    """Whether it is no figure."""


@dataclass(frozen=True)
class Row:
    """A name and its figures."""

    name: str
    cells: tuple[Cell, ...]
    swatch: Swatch | None = None
    is_total: bool = False


@dataclass(frozen=True)
class Table:
    """Figures with a name for each row and column."""

    heads: tuple[str, ...]
    """Over the names of the rows, and over each of their cells."""
    rows: tuple[Row, ...]
    has_narrow_columns: bool = False
    """Whether columns are many, and short figures stand under names of any length."""
    kind: Literal["table"] = "table"


@dataclass(frozen=True)
class Drawing:
    """An SVG of ours with what it shows, for those who listen."""

    svg: str
    words: str
    kind: Literal["drawing"] = "drawing"


@dataclass(frozen=True)
class Code:
    """Text for a program."""

    title: str
    text: str
    kind: Literal["code"] = "code"


Block = Sentences | Remark | Heading | Pairs | Table | Drawing | Code


@dataclass(frozen=True)
class Section:
    """Blocks under a title."""

    title: str
    blocks: tuple[Block, ...]
