"""The error of this room."""

from bench.errors import FluorobenchError


class MetricError(FluorobenchError):
    """Input that a metric is not defined for."""
