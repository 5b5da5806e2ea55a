"""The error raised by this package."""

from bench.errors import FluorobenchError


class MetricError(FluorobenchError):
    """Input for which a metric is not defined."""
