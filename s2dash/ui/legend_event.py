"""What people change in the legend, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from s2dash.core.legend import Legend


@dataclass(frozen=True)
class LegendEvent:
    """What people changed in the legend since it was last asked."""

    names: Mapping[int, str] = field(default_factory=dict)
    """New names by class id: one line, never empty."""
    colours: Mapping[int, str] = field(default_factory=dict)
    """New colours by class id, `#rrggbb`."""
    isolates: bool = False
    """Whether `isolated` was changed; where not, it says nothing."""
    isolated: int | None = None
    """The class to show alone; None to show all."""
    merges: tuple[tuple[int, int], ...] = ()
    """Classes that become another one."""
    kept_both: frozenset[str] = frozenset()
    """Names that are meant for several classes."""
    opened: int | None = None
    """The class whose card is wanted."""
    order: tuple[int, ...] = ()
    """The classes from top to bottom, where they were moved."""

    def legend(self, current: Legend) -> Legend:
        """The current legend with these edits."""
        edited = current.edited(self.names, self.colours)
        return edited.ordered(self.order) if self.order else edited

    def isolation(self, current: int | None) -> int | None:
        """The class to show alone after this, where `current` was before."""
        return self.isolated if self.isolates else current

    def then(self, later: LegendEvent) -> LegendEvent:
        """Both as one; the later wins where they touch the same thing."""
        return LegendEvent(
            {**self.names, **later.names},
            {**self.colours, **later.colours},
            self.isolates or later.isolates,
            later.isolation(self.isolated),
            (*self.merges, *later.merges),
            self.kept_both | later.kept_both,
            later.opened if later.opened is not None else self.opened,
            later.order or self.order,
        )
