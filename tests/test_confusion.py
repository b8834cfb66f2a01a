"""The confusion matrix as a picture and as tables: well formed and harmless whatever classes are called."""

from __future__ import annotations

import csv
import io

import matplotlib.image
import msgspec
import numpy as np
import pytest

from s2dash.core.accuracy import Accuracy, ClassAccuracy, Estimate
from s2dash.export import confusion
from s2dash.export.confusion import accuracy_csv_text, confusion_csv_text, confusion_picture

NASTY = ("=1+1", "\u202eمستنقع", "🌊 $x^2$", "W" * 60, "a\nb")


def accuracy(names: tuple[str, ...], extra: tuple[str, ...] = ()) -> Accuracy:
    """A matrix with nine of ten right; the last name is never seen."""
    size = len(names)
    matrix = np.eye(size, size + len(extra), dtype=int) * 9 + np.eye(size, size + len(extra), 1, dtype=int)
    half = Estimate(0.9, 0.7, 1.0)
    return Accuracy(
        how="own places",
        design="",
        answers=10 * size,
        overall=half,
        classes=tuple(
            ClassAccuracy(name=name, users=half, producers=None, area_ha=half.times(100), mapped_share=1 / size)
            for name in (*names, *extra)
        ),
        map_names=names,
        reference_names=(*names, *extra),
        matrix=tuple(tuple(row) for row in matrix.tolist()),
        mapped_shares=(1 / size,) * size,
    )


def drawn(png: bytes) -> np.ndarray:
    """Pixels, shape (rows, cols, 3), uint8."""
    return np.asarray(np.rint(matplotlib.image.imread(io.BytesIO(png))[..., :3] * 255), dtype=np.uint8)


def has_colour(picture: np.ndarray, colour: str) -> bool:
    return bool((picture == np.frombuffer(bytes.fromhex(colour[1:]), np.uint8)).all(axis=2).any())


def test_the_picture_shows_classes_in_their_colours() -> None:
    picture = drawn(confusion_picture(accuracy(("Sea", "Marsh")), {"Sea": "#123456", "Marsh": "#ab00cd"}))
    assert has_colour(picture, "#123456")
    assert has_colour(picture, "#ab00cd")
    assert min(picture.shape[:2]) > 600


@pytest.mark.parametrize("names", [NASTY, ("Sea",), tuple(f"Class {i}" for i in range(1, 20))])
def test_any_classes_are_drawn(names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confusion, "MOST_DRAWN", 13)
    picture = drawn(confusion_picture(accuracy(names, ("Snow",))))
    # Nothing is cut: a margin stays free on every side.
    for edge in (picture[:20], picture[-20:], picture[:, :20], picture[:, -20:]):
        assert (edge == 255).all()


def test_the_picture_of_too_few_says_so_and_nothing_at_all_is_drawn_too(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    whole = confusion.Sheet.text

    def text(self: confusion.Sheet, x: float, y: float, words: str, size: float, **look: object) -> None:
        said.append(words)
        whole(self, x, y, words, size, **look)  # type: ignore[arg-type]

    monkeypatch.setattr(confusion.Sheet, "text", text)
    confusion_picture(accuracy(("Sea",)))
    assert any("too few to say" in words for words in said)
    empty = msgspec.structs.replace(accuracy(("Sea",)), matrix=((0,),), answers=0, overall=None)
    assert drawn(confusion_picture(empty)).size


def test_the_matrix_as_a_table() -> None:
    rows = list(csv.reader(io.StringIO(confusion_csv_text(accuracy(("Sea", "=1+1"), ("Snow",))))))
    assert rows == [
        ["mapped_as", "Sea", "'=1+1", "Snow", "total"],
        ["Sea", "9", "1", "0", "10"],
        ["'=1+1", "0", "9", "1", "10"],
    ]


def test_accuracies_as_a_table() -> None:
    rows = list(csv.DictReader(io.StringIO(accuracy_csv_text(accuracy(("Sea", "=1+1"))))))
    assert rows[0]["name"] == "All classes"
    assert (rows[0]["overall_percent"], rows[0]["overall_low"], rows[0]["users_percent"]) == ("90.00", "70.00", "")
    assert (rows[2]["name"], rows[2]["users_percent_low"], rows[2]["area_ha_high"]) == ("'=1+1", "70.00", "100.00")
    assert rows[1]["producers_percent"] == ""
    assert rows[1]["mapped_share_percent"] == "50.00"
