"""What can be wrong with a training's input."""

from bench.errors import FluorobenchError


class TrainingError(FluorobenchError):
    """A budget, population or plug-in that cannot be trained with."""


class CheckpointError(FluorobenchError):
    """A checkpoint that cannot be gone on from."""


class WeightsError(FluorobenchError):
    """Weights that are damaged, foreign or made for something else."""
