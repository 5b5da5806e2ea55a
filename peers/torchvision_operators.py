"""Import torchvision beside a torch that its compiled part does not fit.

That part holds detection operators, which no peer calls; without it torchvision refuses to be imported since it
describes two of them. They are declared here, without an implementation: the transforms in Python work.
"""

import torch

_OPERATORS = torch.library.Library("torchvision", "DEF")


def declare() -> None:
    """Declare what torchvision describes while it is imported, where its compiled part is missing."""
    for name in ("nms", "qnms"):
        _OPERATORS.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


declare()
