"""Clean-up of labels: specks go to what lies around them, by a majority of neighbours or by a least size of patches."""

from s2dash.classify.clean_up.majority import majority
from s2dash.classify.clean_up.raster import sieved_strips
from s2dash.classify.clean_up.sieve import StripSieve, sieve
from s2dash.classify.clean_up.steps import NeighbourMajority, Sieving, least_pixels, pixel_ha, sieving

__all__ = [
    "NeighbourMajority",
    "Sieving",
    "StripSieve",
    "least_pixels",
    "majority",
    "pixel_ha",
    "sieve",
    "sieved_strips",
    "sieving",
]
