"""Check and time the CUDA projector on a machine with a GPU; exit status 1 if it is wrong.

Run ``python benchmarks/cuda_check.py``. Errors are relative (L2): against the fine-step reference in float64, and
against Joseph's method on the CPU, whose model is the same. Times are medians of whole calls, host work included,
between synchronisations; nothing is asserted about them. ``--tiny`` runs everything once on a very small problem, which
Triton's interpreter can do without a GPU (TRITON_INTERPRET=1): then only the errors mean something.
"""

import argparse
import itertools
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

from bench.drr import AttenuationMap, ProjectionError, project, project_with_jacobian
from bench.drr.autograd import project_differentiable
from bench.drr.cuda import Launch, find_device, project_cuda
from bench.drr.reference import project_reference
from bench.geometry import Camera, Matrix, PoseFrame, StandardView, compose, nominal_pose
from bench.geometry.pose_torch import pose_from_theta

CENTRE = np.zeros(3)
VIEWS = {"AP": StandardView.AP, "lateral": StandardView.LATERAL}
OBLIQUE = np.array([8.0, -30.0, 20.0, 5.0, -4.0, 30.0])
IMAGE_BOUND, JOSEPH_BOUND, SLOPE_BOUND, GRADIENT_BOUND = 5e-3, 3e-5, 5e-3, 3e-3


def phantom(n: int, *, smooth: bool) -> AttenuationMap:
    """A 256 mm cube: Gaussians for accuracy, or a noisy body with a bony column for times."""
    ramp = (np.arange(n) - (n - 1) / 2) * 256 / n
    x, y, z = np.meshgrid(ramp, ramp, ramp, indexing="ij", sparse=True)
    if smooth:
        mu = 0.02 * np.exp(-(x**2 + y**2 + z**2) / 1800) + 0.03 * np.exp(-((x - 25) ** 2 + y**2 + (z + 20) ** 2) / 600)
    else:
        mu = np.where(
            (x / 22) ** 2 + ((y - 30) / 28) ** 2 < 1, 0.04, np.where((x / 120) ** 2 + (y / 90) ** 2 < 1, 0.02, 0)
        )
        mu = mu * np.random.default_rng(0).uniform(0.8, 1.2, (n, n, n))
    affine = compose(np.eye(3) * 256 / n, np.full(3, ramp[0]))
    return AttenuationMap(np.ascontiguousarray(np.broadcast_to(mu, (n, n, n)), dtype=np.float32), affine)


# That of the protocol sopi-sim, which is not read here: a machine with a GPU may lack pydantic.
SDD_MM = 1011.7


def camera(size: int) -> Camera:
    """A square detector of 204.8 mm."""
    return Camera.centred(sdd_mm=SDD_MM, height=size, width=size, spacing_mm=204.8 / size)


def frame(view: StandardView) -> PoseFrame:
    """Where theta is measured from in a view."""
    return PoseFrame(nominal_pose(view, CENTRE, 700.0), CENTRE)


def scattered(count: int) -> Matrix:
    """AP and lateral poses by turns, scattered by 10 degrees and 8 mm."""
    thetas = np.random.default_rng(1).normal(size=(count, 6)) * [10, 10, 10, 8, 8, 8]
    return np.stack([frame(view).pose(theta) for view, theta in zip(itertools.cycle(VIEWS.values()), thetas)])


def say(text: str) -> None:
    """A line of the report, at once: a later step may crash."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def relative_error(found: Any, truth: Any) -> float:
    """L2 error over the truth's norm, of arrays or tensors on any device."""
    found, truth = (torch.as_tensor(each).detach().cpu().to(torch.float64) for each in (found, truth))
    return float((found - truth).norm() / truth.norm())


def check_view(name: str, theta: Matrix, n: int, size: int, device: torch.device) -> bool:
    """Image, derivatives and theta's gradient in one pose against the CPU; whether all are right."""
    attenuation, seen, base = phantom(n, smooth=True), camera(size), frame(VIEWS[name])
    pose = base.pose(theta)[None]
    both = project_cuda(attenuation, pose, seen, device=device, centre=CENTRE)
    fine = project_reference(attenuation, pose, seen, step_voxels=0.2, dtype=torch.float64)
    image, slopes = project_with_jacobian(attenuation, pose, seen, CENTRE, kernel="joseph")
    leaf = torch.tensor(theta[None], requires_grad=True)
    gradients = [
        torch.autograd.grad(
            project_differentiable(attenuation, pose_from_theta(leaf, base), seen, kernel=kernel).square().sum(), leaf
        )[0]
        for kernel in ("cuda", "joseph")
    ]
    errors = (
        (relative_error(both[:, :1], fine), IMAGE_BOUND),
        (relative_error(both[:, :1], image), JOSEPH_BOUND),
        (max(relative_error(both[:, 1 + dof], slopes[:, dof]) for dof in range(6)), SLOPE_BOUND),
        (relative_error(*gradients), GRADIENT_BOUND),
    )
    say(f"{name:8} {theta.tolist()!s:42} " + " ".join(f"{error:9.1e}" for error, _ in errors))
    return all(error < bound for error, bound in errors)


def median_ms(work: Callable[[], Any], device: torch.device, repeats: int) -> float:
    """The median wall time of a call in ms, after warm-up, with the device idle before and after."""
    wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    times: list[float] = []
    for number in range(repeats + min(3, repeats)):
        wait()
        start = time.perf_counter()
        work()
        wait()
        if number >= min(3, repeats):
            times.append(time.perf_counter() - start)
    return 1e3 * float(np.median(times))


def time_sizes(cases: list[tuple[int, int]], counts: list[int], device: torch.device, repeats: int) -> None:
    """Image alone and image with derivatives, for few and many poses a call, by ways of cutting the work."""
    cuts = [
        Launch(),
        Launch(block=64, patches_x=1),
        Launch(block=256, patches_x=2),
        Launch(programs=1),
        Launch(programs=16384),
    ]
    say("\nvolume  image  poses  image ms  with six derivatives ms  block  patches_x  programs  (whole call)")
    for (n, size), count in itertools.product(cases, counts):
        attenuation, poses = phantom(n, smooth=False), scattered(count)
        for cut in cuts:
            render = partial(project_cuda, attenuation, poses, camera(size), device=device, launch=cut)
            times = [median_ms(partial(render, centre=centre), device, repeats) for centre in (None, CENTRE)]
            say(
                f"{n:5}^3 {size:5}^2 {count:5} {times[0]:9.3f} {times[1]:24.3f} {cut.block:6} {cut.patches_x:10} "
                f"{cut.programs:9}"
            )
    n, size = cases[0]
    attenuation, poses = phantom(n, smooth=False), scattered(counts[-1])
    on_cpu = median_ms(partial(project, attenuation, poses, camera(size), kernel="joseph"), device, repeats)
    say(f"Joseph on this machine's CPU, {n}^3 to {size}^2, {counts[-1]} poses: {on_cpu:.3f} ms")


def main() -> int:
    """Run the checks, then the times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="a very small problem, once")
    tiny = parser.parse_args().tiny
    device = find_device(torch.device("cpu"))
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "Triton's interpreter"
    say(f"{name}; torch {torch.__version__}, triton {version('triton')}")
    say("view     theta                                      reference    joseph    slopes  gradient")
    n, size = (24, 12) if tiny else (128, 96)
    right = [check_view(view, theta, n, size, device) for view in VIEWS for theta in (np.zeros(6), OBLIQUE)]
    if tiny:
        time_sizes([(16, 8)], [1], device, repeats=1)
    else:
        time_sizes([(128, 128), (128, 256), (256, 256)], [1, 8, 100], device, repeats=30)
    say("\nright" if all(right) else "\nWRONG: an error above is larger than it may be")
    return 0 if all(right) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ProjectionError as error:
        sys.exit(str(error))
