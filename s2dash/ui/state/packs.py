"""What a page's session holds of packs: the one that is being made or is ready, and the one that was opened."""

from __future__ import annotations

from s2dash.core.pack import Manifest
from s2dash.server.jobs import Job
from s2dash.server.packs import MadePack
from s2dash.ui.session import Field, kept_control

PACK_JOB: Field[tuple[str, Job[MadePack]] | None] = Field("pack in the making", None)
"""Of what it is made, as `packs.making` tells, and the job."""
PACK_PICTURE = kept_control("pack with picture", False)
"""Whether the picture's own files go into it."""
PACK_MADE: Field[tuple[str, MadePack] | None] = Field("pack made", None)
PACK_TROUBLE: Field[tuple[str, str] | None] = Field("pack trouble", None)
"""Why the last one could not be made, with what it was to be made of."""
PACK_WAITING: Field[Manifest | None] = Field("pack waiting", None)
"""An opened one whose map waits for its scene."""
