"""The catalogue of datasets: names, sources, purposes and terms.

Every source is a commit, not a branch, so its pictures cannot change.

SelfExSR publishes BSD100 and Urban100 cropped to multiples of a scale, its "SRF". The catalogue has
the versions for x2, which are cropped the least. Cropped further to multiples of 4, as
`minisr evaluate` does, they equal the versions for x4, since 2 divides 4. They differ from the
versions for x3, some of which are three rows or columns larger, so BSD100-x3 is a dataset of its
own; there is no Urban100 for x3. DCSCN's copies state no scale, but its Set14 is cropped to even
sizes, like the versions for x2.

BSDS500 is listed without its `val` folder: those 100 pictures are BSD100, a test set.

ImageNet1k-sample has one picture of each of ImageNet's thousand classes, as JPEGs of whatever
quality they were found in. Shrink the large ones before training on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from minisr.datasets import hashes
from minisr.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

HOST = "https://raw.githubusercontent.com"


@dataclass(frozen=True)
class Source:
    """A folder of a public repository at one commit.

    Attributes
    ----------
    repository : str
        Owner and name.
    commit : str
        40 hexadecimal digits.
    folder : str
        Empty if the pictures are in the top folder.
    pattern : str
        The source's name for the file that is ``{stem}.png`` here; empty if the names are equal.
    """

    repository: str
    commit: str
    folder: str
    pattern: str = ""

    def name(self, file: Any) -> Any:
        """Return the name of a file in this source's folder."""
        return self.pattern.format(stem=PurePosixPath(file).stem) if self.pattern else file

    def url(self, file: Any) -> Any:
        """Return the URL of a file."""
        parts = (HOST, self.repository, self.commit, self.folder, self.name(file))
        return "/".join(part for part in parts if part)

    def __str__(self) -> str:
        folder = f" : {self.folder}" if self.folder else ""
        return f"github.com/{self.repository} @ {self.commit[:8]}{folder}"


@dataclass(frozen=True)
class Dataset:
    """A dataset of pictures.

    Attributes
    ----------
    name : str
        Also the name of its folder.
    purpose : str
        ``"test"`` or ``"training"``.
    terms : str
        One line.
    sources : tuple of Source
        Tried in this order.
    megabytes : float or None
        Size of the download; None if unknown.
    numbered : int
        For a dataset without pinned hashes, the number of its pictures, which are called
        ``img_001.png`` and so on; otherwise 0, and the pinned hashes give the names.
    """

    name: str
    purpose: str
    terms: str
    sources: tuple
    megabytes: float | None = None
    numbered: int = 0

    @property
    def pinned(self) -> Any:
        """The hashes bundled with minisr: dict of file name to `hashes.Expected`."""
        return {} if self.numbered else hashes.pinned(self.name)

    @property
    def files(self) -> Any:
        """The names of the pictures: list of str, with / after a folder."""
        if self.numbered:
            return [f"img_{number:03}.png" for number in range(1, self.numbered + 1)]
        return list(self.pinned)


_DCSCN = ("jiny2001/dcscn-super-resolution", "27d8f11cd8b5d58de0b91128b4b6c72375c69e16")
_SELFEX = ("jbhuang0604/SelfExSR", "8f6dd8c1d20cb7e8792a7177b4f6fd677633f598")
_YANG = ("JYEDU/CV_Super_Resolution", "6cd8b1a0d49f7d2fcd9eae6eda06dcf089f864c8")
_BSDS = ("BIDS/BSDS500", "a04b7c6c3a9f0ace74bf205c72a43d32e1c72722")
_SAMPLE = ("EliSchwartz/imagenet-sample-images", "bc69043e2862758a1906c6a24a792bb28c6bb2ff")
_BERKELEY = "Berkeley: non-commercial research and education only; cite Martin et al. 2001"


def _selfex(name, scale):
    folder = f"data/{name}/image_SRF_{scale}"
    return Source(*_SELFEX, folder, f"{{stem}}_SRF_{scale}_HR.png")


_ALL = (
    Dataset(
        "Set5",
        "test",
        "no licence is stated: research use; cite Bevilacqua et al. 2012",
        (Source(*_DCSCN, "data/set5"), _selfex("Set5", 2)),
        megabytes=0.9,
    ),
    Dataset(
        "Set14",
        "test",
        "no licence is stated: research use; cite Zeyde et al. 2010",
        (Source(*_DCSCN, "data/set14"), _selfex("Set14", 2)),
        megabytes=5.0,
    ),
    Dataset(
        "BSD100",
        "test",
        _BERKELEY,
        (Source(*_DCSCN, "data/bsd100"), _selfex("BSD100", 2)),
        numbered=100,
    ),
    Dataset("BSD100-x3", "test", _BERKELEY, (_selfex("BSD100", 3),), numbered=100),
    Dataset(
        "Urban100",
        "test",
        "pictures from Flickr under Creative Commons licences; cite Huang et al. 2015",
        (_selfex("Urban100", 2),),
        numbered=100,
    ),
    Dataset(
        "T91",
        "training",
        "no licence is stated: research use; cite Yang et al. 2010",
        (Source(*_YANG, "data/yang91"), Source(*_DCSCN, "data/yang91")),
        megabytes=16.1,
    ),
    Dataset(
        "BSDS500",
        "training",
        "Berkeley: non-commercial research and education only; cite Arbelaez et al. 2011",
        (Source(*_BSDS, "BSDS500/data/images"),),
        megabytes=29.3,
    ),
    Dataset(
        "ImageNet1k-sample",
        "training",
        "ImageNet: non-commercial research and education only; cite Russakovsky et al. 2015",
        (Source(*_SAMPLE, ""),),
        megabytes=109.6,
    ),
)
DATASETS = {dataset.name: dataset for dataset in _ALL}

# The names in BSDS500's val folder, which is BSD100: never train on it. From BSDS300's iids_test.
BSD100_NAMES = """\
3096 8023 12084 14037 16077 19021 21077 24077 33039 37073 38082 38092 41033 41069 42012 42049
43074 45096 54082 55073 58060 62096 65033 66053 69015 69020 69040 76053 78004 85048 86000 86016
86068 87046 89072 97033 101085 101087 102061 103070 105025 106024 108005 108070 108082 109053
119082 123074 126007 130026 134035 143090 145086 147091 148026 148089 156065 157055 159008
160068 163085 167062 167083 170057 175032 175043 182053 189080 196073 197017 208001 210088
216081 219090 220075 223061 227092 229036 236037 241004 241048 253027 253055 260058 271035
285079 291000 295087 296007 296059 299086 300091 302008 304034 304074 306005 351093 361010
376043 385039
""".split()  # noqa: SIM905


def select(names: Iterable[Any]) -> list[Any]:
    """Return the datasets with the given names.

    Parameters
    ----------
    names : iterable of str
        Case does not matter; ``all`` means every dataset.

    Returns
    -------
    list of Dataset
        Without duplicates.

    Raises
    ------
    SettingsError
        If a name is unknown or none is given.
    """
    known = {name.casefold(): dataset for name, dataset in DATASETS.items()}
    chosen = {}
    for name in names:
        if name.casefold() == "all":
            chosen |= DATASETS
        elif name.casefold() in known:
            dataset = known[name.casefold()]
            chosen[dataset.name] = dataset
        else:
            raise SettingsError(f"{name}: no such dataset; known: {', '.join(DATASETS)}, all")
    if not chosen:
        raise SettingsError(
            f"expected names of datasets, got none; known: {', '.join(DATASETS)}, all"
        )
    return list(chosen.values())
