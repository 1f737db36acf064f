"""Training: read `trainer` first; `runs` is everything around it: a folder, a log, checkpoints."""

from minisr.training.compiled import CompiledTrainer, make_trainer
from minisr.training.config import TrainConfig
from minisr.training.patches import Patches
from minisr.training.trainer import Trainer

__all__ = ["CompiledTrainer", "Patches", "TrainConfig", "Trainer", "make_trainer"]
