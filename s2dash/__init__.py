"""s2dash: Sentinel-2 pictures into land-cover maps by unsupervised classification."""

__version__ = "0.1.0"
