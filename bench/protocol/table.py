"""The base of every table of a protocol file."""

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """A table of a protocol file: frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
