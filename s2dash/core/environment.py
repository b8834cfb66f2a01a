"""Limits from variables of the environment, by one rule: groups of numbers, each with a unit and what is sane.

A value of limits is a frozen dataclass of groups, which are frozen dataclasses of fields made by `limit`.
`S2DASH_TILES_MOST_BYTES` sets `most_bytes` of the group `tiles`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import field, fields, replace
from typing import Any, TypeVar

from s2dash.errors import BadSetting

L = TypeVar("L")

_PREFIX = "S2DASH_"


def limit(default: float, unit: str, least: float = 1, most: float = math.inf, variable: str | None = None) -> Any:
    """A field with a default, its unit, and what is sane; `variable` where its name follows no rule."""
    return field(default=default, metadata={"unit": unit, "least": least, "most": most, "variable": variable})


def variables(limits: Any) -> dict[str, tuple[str, str]]:
    """By the variables that follow the rule: the group and the field that each sets."""
    return {
        f"{_PREFIX}{group.name}_{one.name}".upper(): (group.name, one.name)
        for group in fields(limits)
        for one in fields(getattr(limits, group.name))
        if one.metadata["variable"] is None
    }


def read_limits(default: L, environment: Mapping[str, str]) -> L:
    """The limits that an environment asks for, the default for the rest; an empty value counts as none.

    Raises BadSetting for a value that is not sane, and for a name of no setting.
    """
    known, limits = variables(default), default
    groups = tuple({f"{_PREFIX}{group}_".upper() for group, _ in known.values()})
    for variable in sorted(environment):
        text = environment[variable].strip()
        if variable in known and text:
            group, name = known[variable]
            old: Any = getattr(limits, group)
            changed = replace(old, **{name: _number(variable, text, old, name)})
            limits = replace(limits, **{group: changed})  # type: ignore[type-var]
        elif variable not in known and variable.startswith(groups):
            raise BadSetting(f"There is no setting {variable}. docs/settings.md lists those there are.")
    return limits


def as_environment(limits: L, default: L) -> dict[str, str]:
    """The variables that turn the default into these limits, in another process."""
    return {
        variable: repr(getattr(getattr(limits, group), name))
        for variable, (group, name) in variables(limits).items()
        if getattr(getattr(limits, group), name) != getattr(getattr(default, group), name)
    }


def _number(variable: str, text: str, group: Any, name: str) -> float:
    (one,) = (one for one in fields(group) if one.name == name)
    least, most = one.metadata["least"], one.metadata["most"]
    kind = float if one.type == "float" else int
    try:
        number: float = kind(text)
    except ValueError:
        number = math.nan
    if least <= number <= most and math.isfinite(number):
        return number
    bounds = f"at least {least:,}" if most == math.inf else f"from {least:,} to {most:,}"
    what = "a number" if kind is float else "a whole number"
    raise BadSetting(f"{variable} is {text[:40]!r}; it must be {what} of {one.metadata['unit']}, {bounds}.")
