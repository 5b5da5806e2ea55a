"""The error raised by this package."""

from bench.errors import FluorobenchError


class MetricError(FluorobenchError):
    """Input that a metric is not defined for."""
