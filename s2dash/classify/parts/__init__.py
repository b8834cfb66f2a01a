"""Labels in parts: the tasks that any executor's workers run by themselves, from files to files, and their joining.

A task gets a few kilobytes, reads its own windows from the scene's rasters, writes its labels beside the
others' and hands back counts: no pixel travels between processes. A part is a small GeoTIFF with its facts
in a JSON file beside it. Both are moved into place whole, the facts last, so a part that has facts is complete.
"""

from __future__ import annotations

from s2dash.classify.parts.files import finished_parts, make_labels, prepare_folder, remove_parts
from s2dash.classify.parts.job import Job, WindowFacts, folder_of, make_job, travelling, window_facts
from s2dash.classify.parts.schedule import result_of, run
from s2dash.classify.parts.versions import running_versions, version_words
from s2dash.classify.parts.worker import join_parts, label_part

__all__ = [
    "Job",
    "WindowFacts",
    "finished_parts",
    "folder_of",
    "join_parts",
    "label_part",
    "make_job",
    "make_labels",
    "prepare_folder",
    "remove_parts",
    "result_of",
    "run",
    "running_versions",
    "travelling",
    "version_words",
    "window_facts",
]
