"""One fit on two dates of the same ground: both labelled in every pixel, brought onto one grid, and compared."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from s2dash.batch.change.dated_map import DatedMap
from s2dash.batch.change.on_grid import write_on_grid
from s2dash.batch.change.transitions import Change, find_change, require_same_place
from s2dash.classify import parts
from s2dash.classify.fitted import Fitted
from s2dash.classify.pipeline import run_full, run_live
from s2dash.core.classmap import Result
from s2dash.core.legend import Legend
from s2dash.core.scene import Scene
from s2dash.core.types import CancelToken, Progress, no_progress
from s2dash.errors import RecipeError
from s2dash.export.contents import label_strips, one_line

_LABELLED = 0.85
"""Share of the work after which both dates have labels."""


@dataclass(frozen=True, eq=False)
class FitOnTwoDates:
    """Both dates on the pixels of the scene that the classes were learnt on, whichever of them it is."""

    change: Change
    is_later_here: bool
    """Whether that scene is the later date."""
    notes: tuple[str, ...]
    """What makes dates look different though the ground is the same."""


def is_later(scene: Scene, other: Scene) -> bool:
    """Whether a scene is the later of two dates; where that is not known, the other one is."""
    return bool(scene.date and other.date and scene.date > other.date)


def fit_on_two_dates(
    fitted: Fitted,
    legend: Legend,
    other: Scene,
    folder: Path,
    known: Result | None = None,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> FitOnTwoDates:
    """Label another date by the classes of a fit, and compare it with the date that they were learnt on.

    Every pixel of that date is one of the comparison; of the other it takes the nearest. The earlier date comes first.

    Parameters
    ----------
    folder : takes the labels of both dates
    known : the full result of the fit on its own scene, where that has been made

    Raises what `Fitted.on`, `run_full` and `find_change` raise, and RecipeError where no pixel has a class on both.
    """
    cancel = cancel or CancelToken()
    there = fitted.on(other)
    here_name, there_name = _names(fitted.scene, there.scene)
    here = DatedMap(folder / "here.tif", fitted.scene.grid, legend, *here_name, one_line(fitted.scene.attribution))
    far = DatedMap(folder / "far.tif", there.scene.grid, legend, *there_name, one_line(there.scene.attribution))
    require_same_place(here, far)
    half = 0.0 if known is not None else _LABELLED / 2
    known = known or _labelled(fitted, folder / "here-labels.tif", _part(progress, 0.0, half), cancel)
    _write(known, here.path, cancel)
    _write(_labelled(there, folder / "far-labels.tif", _part(progress, half, _LABELLED), cancel), far.path, cancel)
    shift = here.grid.lattice_shift(far.grid) if here.grid.has_place else (0, 0)
    if shift != (0, 0) or here.grid.shape_rc != far.grid.shape_rc:
        brought = folder / "there.tif"
        write_on_grid(far.path, here.grid, brought, cancel)
        far = replace(far, path=brought, grid=here.grid)
    is_later_here = is_later(fitted.scene, other)
    pair = (far, here) if is_later_here else (here, far)
    change = replace(find_change(*pair, _part(progress, _LABELLED, 1.0), cancel), is_resampled=shift is None)
    if change.found.compared_count == 0:
        raise RecipeError(
            f"{there_name[0]} shows no ground that this scene shows too. Choose two dates of the same place."
        )
    return FitOnTwoDates(change, is_later_here, _notes(fitted.scene, other))


def _labelled(fitted: Fitted, path: Path, progress: Progress, cancel: CancelToken) -> Result:
    progress(0.0, "Grouping pixels")
    return run_live(fitted) if fitted.scene.live_step == 1 else run_full(fitted, path, progress, cancel)


def _write(result: Result, out: Path, cancel: CancelToken) -> None:
    with parts.make_labels(out, result.classmap.grid) as dataset:
        for row, strip in label_strips(result.classmap):
            cancel.check()
            dataset.write(strip, 1, window=((row, row + len(strip)), (0, strip.shape[1])))


def _names(scene: Scene, other: Scene) -> tuple[tuple[str, str], tuple[str, str]]:
    """Title and date of both; no date where it is the same, and a number where nothing tells them apart."""
    titles = [one_line(one.title) for one in (scene, other)]
    dates = [one_line(one.date or "") for one in (scene, other)]
    if dates[0] != dates[1]:
        return (titles[0], dates[0]), (titles[1], dates[1])
    return (titles[0], ""), (titles[1] if titles[0] != titles[1] else f"{titles[1]} (2)", "")


def _notes(scene: Scene, other: Scene) -> tuple[str, ...]:
    if not scene.level or not other.level or scene.level == other.level:
        return ()
    return (f"One picture is {scene.level} and the other {other.level}: haze alone can look like change.",)


def _part(progress: Progress, low: float, high: float) -> Progress:
    return lambda share, what: progress(low + (high - low) * share, what)
