"""Many scenes with one set of classes: which scenes, the fit on their pooled sample, and the run over all of them."""

from s2dash.batch.bundle import write_zip
from s2dash.batch.plan import FIT_ON_ALL, MOSAICS, Given, Opener, Plan, RecipeChoice, Report, SceneReport
from s2dash.batch.run import run_batch
from s2dash.batch.sources import Source, gather_sources, source_named

__all__ = [
    "FIT_ON_ALL",
    "MOSAICS",
    "Given",
    "Opener",
    "Plan",
    "RecipeChoice",
    "Report",
    "SceneReport",
    "Source",
    "gather_sources",
    "run_batch",
    "source_named",
    "write_zip",
]
