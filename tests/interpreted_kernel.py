"""Runs the Triton kernel in its interpreter on pickled cases: ``python interpreted_kernel.py CASES RESULTS``.

A process of its own, because the interpreter must be chosen before the kernel is defined.
"""

import os
import pickle
import sys
from pathlib import Path

os.environ["TRITON_INTERPRET"] = "1"

import numpy as np
import torch
from numpy.typing import NDArray

from bench.drr import AttenuationMap, project, project_with_jacobian
from bench.drr.cuda import Launch, find_device, project_cuda
from bench.geometry import Camera, Matrix

Case = tuple[AttenuationMap, Matrix, Camera, Matrix, dict[str, int] | None]

if __name__ == "__main__":
    cases: dict[str, Case] = pickle.loads(Path(sys.argv[1]).read_bytes())
    results: dict[str, NDArray[np.float32]] = {}
    for name, (attenuation, poses, camera, centre, launch) in cases.items():
        if launch is None:
            images, derivatives = project_with_jacobian(attenuation, poses, camera, centre, kernel="cuda")
            results[name] = np.concatenate([images, derivatives], axis=1)
            results[f"{name}, alone"] = project(attenuation, poses, camera, kernel="cuda").numpy()
        else:
            cut, device = Launch(**launch), find_device(torch.device("cpu"))
            both = project_cuda(attenuation, poses, camera, centre=centre, launch=cut, device=device)
            results[name] = both.numpy()
    Path(sys.argv[2]).write_bytes(pickle.dumps(results))
