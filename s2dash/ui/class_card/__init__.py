"""The card of one class, pushed over the legend: what it is, and what can be made of it."""
