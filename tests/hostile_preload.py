"""What the processes that take hostile files in are copies of: all is imported, and what forks has begun."""

from __future__ import annotations

import hostile_runs  # noqa: F401
import sklearn.cluster  # noqa: F401
from forked_door import begin

begin()
