"""What became of the ground between two dates: two class maps with the same classes, and all that is made of them."""

from s2dash.batch.change.change_map import write_change_map
from s2dash.batch.change.dated_map import DatedMap, read_dated_map
from s2dash.batch.change.excel import add_transitions, write_excel
from s2dash.batch.change.flow import flow_svg, flow_words
from s2dash.batch.change.one_fit import FitOnTwoDates, fit_on_two_dates, is_later
from s2dash.batch.change.table import csv_text, write_csv
from s2dash.batch.change.transitions import Change, find_change

__all__ = [
    "Change",
    "DatedMap",
    "FitOnTwoDates",
    "add_transitions",
    "csv_text",
    "find_change",
    "fit_on_two_dates",
    "flow_svg",
    "flow_words",
    "is_later",
    "read_dated_map",
    "write_change_map",
    "write_csv",
    "write_excel",
]
