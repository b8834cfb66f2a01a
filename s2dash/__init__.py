"""s2dash: Sentinel-2 pictures into land-cover maps by unsupervised classification."""

import os

from s2dash.settings import GDAL_ENVIRONMENT

# Before any module of the package loads GDAL, whoever imports it: page, command line, worker, or other people's code.
os.environ.update(GDAL_ENVIRONMENT)

__version__ = "0.1.0"
