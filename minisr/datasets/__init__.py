"""Public sets of pictures: what there is, fetching it, and whether it is what it should be.

>>> from minisr import datasets
>>> datasets.get(["Set5"], "data")  # doctest: +SKIP
>>> datasets.verify("data")  # doctest: +SKIP
"""

from minisr.datasets.catalogue import DATASETS, Dataset, Source, select
from minisr.datasets.fetch import Fetched, get
from minisr.datasets.verify import Problem, Report, verify

__all__ = [
    "DATASETS",
    "Dataset",
    "Fetched",
    "Problem",
    "Report",
    "Source",
    "get",
    "select",
    "verify",
]
