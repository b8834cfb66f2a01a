"""Transitions between two dates as a table: one line for each pair of classes, and what is no data on either date."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from s2dash.batch.change.transitions import Change
from s2dash.classify.compare import Amount
from s2dash.export.contents import NODATA_NAME, staged
from s2dash.export.table import csv_bytes, text_cell

COLUMNS = ("from", "from_name", "to", "to_name", "pixels", "area_ha", "share_percent", "before", "after")


def csv_text(change: Change) -> str:
    """CSV with a header: every pair of classes that occurs, in the order of their numbers; 0 is no data.

    Shares are of the pixels that have a class on both dates, and empty for those that do not.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    names = {0: NODATA_NAME, **{entry.id: entry.name for entry in change.entries}}
    compared = max(1, change.found.compared_count)
    for first in names:
        for second in names:
            amount = change.amount(first, second)
            if amount.count == 0:
                continue
            share = f"{100 * amount.count / compared:.2f}" if first and second else ""
            counted = [amount.count, _hectares(amount), share]
            dates = [text_cell(change.before.name), text_cell(change.after.name)]
            writer.writerow([first, text_cell(names[first]), second, text_cell(names[second]), *counted, *dates])
    return out.getvalue()


def write_csv(change: Change, out: Path) -> None:
    """Write `csv_text` as UTF-8 that Excel knows; raises OutputConflict where it cannot be written."""
    with staged(out) as path:
        path.write_bytes(csv_bytes(csv_text(change)))


def _hectares(amount: Amount) -> str:
    return "" if amount.area_ha is None else f"{amount.area_ha:.2f}"
