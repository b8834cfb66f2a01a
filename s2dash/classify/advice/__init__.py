"""Advice on how many classes: what is measured of each number, and what can honestly be said of it."""

from s2dash.classify.advice.columns import Column, elbow
from s2dash.classify.advice.rule import LEAST_STABILITY, Advice, advise
from s2dash.classify.advice.sweep import Sweep, Turn, sweep, tried_ks

__all__ = ["LEAST_STABILITY", "Advice", "Column", "Sweep", "Turn", "advise", "elbow", "sweep", "tried_ks"]
