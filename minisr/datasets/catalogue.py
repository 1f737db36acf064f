"""What there is: the sets by name, where each lies, what it is for and on what terms.

Every source is a commit, not a branch, so that what is fetched cannot change under its name.

SelfExSR publishes BSD100 and Urban100 cropped to whole multiples of a scale, its "SRF". Here they
are those for x2, the least cropped: cut further to multiples of 4, as `minisr evaluate` does, they
are the very pictures for x4, since 2 divides 4. They are not those for x3, of which some are three
rows or columns larger, so BSD100-x3 is a set of its own; there is no Urban100 for x3.
DCSCN's copies say nothing of a scale, but its Set14 is cut to even sizes, as those for x2 are.

BSDS500 without its `val` folder: those 100 pictures are BSD100, a test set.

ImageNet1k-sample is one picture of each of ImageNet's thousand classes, as JPEG of whatever quality
they were found with: shrink the large ones before learning from them.
"""

from dataclasses import dataclass
from pathlib import PurePosixPath

from minisr.datasets import hashes
from minisr.errors import SettingsError

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
        Empty if the pictures lie beside its README.
    pattern : str
        The name there of a file that is called ``{stem}.png`` here; empty if it has the same name.
    """

    repository: str
    commit: str
    folder: str
    pattern: str = ""

    def name(self, file):
        """Return what a file of the set is called in this source's folder."""
        return self.pattern.format(stem=PurePosixPath(file).stem) if self.pattern else file

    def url(self, file):
        """Return the address of a file of the set."""
        parts = (HOST, self.repository, self.commit, self.folder, self.name(file))
        return "/".join(part for part in parts if part)

    def __str__(self):
        folder = f" : {self.folder}" if self.folder else ""
        return f"github.com/{self.repository} @ {self.commit[:8]}{folder}"


@dataclass(frozen=True)
class Dataset:
    """A set of pictures.

    Attributes
    ----------
    name : str
        Also that of its folder.
    purpose : str
        ``"test"`` or ``"training"``.
    terms : str
        One line.
    sources : tuple of Source
        In the order in which they are tried.
    megabytes : float or None
        To be fetched; None if nobody has measured it.
    numbered : int
        How many pictures, called ``img_001.png`` and so on, of a set without pinned hashes; 0 for
        a set with them, whose names are those of the hashes.
    """

    name: str
    purpose: str
    terms: str
    sources: tuple
    megabytes: float | None = None
    numbered: int = 0

    @property
    def pinned(self):
        """The hashes that come with minisr: dict of str, file's name, to hashes.Expected."""
        return {} if self.numbered else hashes.pinned(self.name)

    @property
    def files(self):
        """The names of the pictures: list of str, with / between folder and file."""
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

# BSDS500's val folder, which is BSD100: never to be trained on. The list is BSDS300's iids_test.
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


def select(names):
    """Return the sets of these names.

    Parameters
    ----------
    names : iterable of str
        Upper and lower case are the same; ``all`` means every set.

    Returns
    -------
    list of Dataset
        Each once.

    Raises
    ------
    SettingsError
        An unknown name, or none.
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
            raise SettingsError(f"{name}: no such set; known: {', '.join(DATASETS)}, all")
    if not chosen:
        raise SettingsError(f"expected names of sets, got none; known: {', '.join(DATASETS)}, all")
    return list(chosen.values())
