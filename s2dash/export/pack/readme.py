"""The README of a pack: what lies where, how to trust it, and how all of it comes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from s2dash import __version__
from s2dash.core.pack import MANIFEST_NAME, SUMS_NAME, Manifest
from s2dash.export.cards import CARDS
from s2dash.export.contents import about_facts, one_line
from s2dash.export.handover import Handover
from s2dash.export.pack.contents import AREA_FOLDER, CHECK_FOLDER, FOLDERS, SCENE_FOLDER

_OTHER_FOLDERS = {
    CHECK_FOLDER: "How the map was checked: the places with their answers, accuracy, what was mistaken for what.",
    AREA_FOLDER: "The polygons that were drawn on the map.",
    SCENE_FOLDER: "The picture that the map is of, as it was given.",
}
_MOST_NAMED = 20
_MOST_NOTE_CHARACTERS = 500


def readme_text(handover: Handover, manifest: Manifest, sums: Mapping[str, str], left_out: Sequence[str]) -> str:
    """Plain text, its lines ended for any editor.

    Parameters
    ----------
    sums : checksums by the names of all other members
    left_out : a sentence for each file that could not be made
    """
    attribution = one_line(handover.result.scene.attribution)
    lines = [
        one_line(handover.title) or "Class map",
        *(f"{name.capitalize()}: {words}" for name, words in about_facts(handover.about).items() if name != "title"),
        "",
        *([f"{attribution}. Keep this sentence with anything you make from the map.", ""] if attribution else []),
        *_folders(sums),
        f"{MANIFEST_NAME}  what s2dash needs to bring all of this back",
        f"{SUMS_NAME}  a checksum for each file; `sha256sum -c {SUMS_NAME}` says whether all are as they were written",
        "",
        "To go on with the map, open this zip in s2dash as you would open a picture: choices, names, colours, edits "
        "and answers come back.",
        _pixels(manifest),
        "",
        *_left_out(left_out),
        f"Classes are groups of pixels that look alike; their names are the user's. Made with s2dash {__version__}.",
    ]
    return "\r\n".join(lines) + "\r\n"


def _left_out(sentences: Sequence[str]) -> list[str]:
    listed = [f"- {one_line(words, _MOST_NOTE_CHARACTERS)}" for words in sentences]
    return ["Left out:", *listed, ""] if listed else []


def _folders(sums: Mapping[str, str]) -> list[str]:
    """For each folder that there is what it is good for, and its files."""
    words = {FOLDERS.get(card, card): f"{one.title}. {one.good_for}" for card, one in CARDS.items()} | _OTHER_FOLDERS
    found: dict[str, list[str]] = {}
    for name in sums:
        folder, slash, rest = name.partition("/")
        if slash:
            found.setdefault(folder, []).append(rest)
    lines: list[str] = []
    for folder, names in found.items():
        lines += [f"{folder}/  {words.get(folder, '')}".rstrip(), *(f"    {name}" for name in names[:_MOST_NAMED])]
        lines += [f"    and {len(names) - _MOST_NAMED} more"] if len(names) > _MOST_NAMED else []
        lines.append("")
    return lines


def _pixels(manifest: Manifest) -> str:
    """Whether the picture is within, and what it is called where it is not."""
    scene = manifest.scene
    if scene.members:
        return "The picture itself is within, so nothing else is needed."
    title = one_line(scene.title) or "the picture"
    if scene.example:
        return f"The picture is “{title}”, an example that comes with s2dash, so nothing else is needed."
    named = ", ".join(one_line(name) for name in scene.files[:3]) or title
    more = f" and {len(scene.files) - 3} more" if len(scene.files) > 3 else ""
    return f"The picture itself is not within: s2dash will ask for {named}{more}, and knows whether it is the same."
