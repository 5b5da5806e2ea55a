"""Errors of training."""

from bench.errors import FluorobenchError


class TrainingError(FluorobenchError):
    """A budget, population or plug-in that cannot be trained with."""


class CheckpointError(FluorobenchError):
    """A checkpoint from which a training cannot continue."""


class WeightsError(FluorobenchError):
    """Weights that are damaged, of another method or version, or trained for another set-up."""
