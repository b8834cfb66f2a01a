"""Clean-up of labels: specks go to what lies around them, by a majority of neighbours or by a least size of patches."""

from s2dash.classify.clean_up.majority import majority
from s2dash.classify.clean_up.raster import sieved_strips
from s2dash.classify.clean_up.sieve import StripSieve, sieve

__all__ = ["StripSieve", "majority", "sieve", "sieved_strips"]
