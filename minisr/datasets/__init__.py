"""Public datasets of pictures: list them, fetch them, and verify what is in a folder.

>>> from minisr import datasets
>>> datasets.get(["Set5"], "data")  # doctest: +SKIP
>>> datasets.verify("data")  # doctest: +SKIP
"""

from minisr.datasets.catalogue import DATASETS, Dataset, Source, select
from minisr.datasets.fetch import Fetched, get
from minisr.datasets.overlap import Match, Overlap, overlap
from minisr.datasets.verify import Problem, Report, verify

__all__ = [
    "DATASETS",
    "Dataset",
    "Fetched",
    "Match",
    "Overlap",
    "Problem",
    "Report",
    "Source",
    "get",
    "overlap",
    "select",
    "verify",
]
