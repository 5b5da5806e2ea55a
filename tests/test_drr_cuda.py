"""The CUDA kernel by Triton's interpreter: against the reference, Joseph on the CPU, and itself cut otherwise."""

import importlib.util
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from bench.drr import AttenuationMap, ProjectionError, project, project_with_jacobian
from bench.drr.cuda import Launch, project_cuda
from bench.drr.reference import project_reference
from bench.geometry import Camera, Matrix, PoseFrame, StandardView, compose, nominal_pose

CENTRE = np.array([6.0, -11.0, 4.0])
FRAME = PoseFrame(nominal_pose(StandardView.AP, CENTRE, 700.0), CENTRE)
CAMERA = Camera.centred(sdd_mm=1011.7, height=20, width=27, spacing_mm=7.0)
# All three slicing axes, and rays of one image on two of them.
POSES = FRAME.pose([(0,) * 6, (8, -25, 20, 5, -4, 30), (1, 85, 3, 4, 5, 6), (70, 2, 3, 4, 5, 6), (2, -44, 3, 4, 5, 6)])
# The interpreter's time goes by programs and steps, not by pixels: one program a pose.
WHOLE = {"block": 1024, "patches_x": 4, "programs": 1}
Case = tuple[AttenuationMap, Matrix, Camera, Any, dict[str, int] | None]


def blobs(shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> AttenuationMap:
    linear = np.diag(spacing)
    affine = compose(linear, CENTRE + 3 - linear @ ((np.array(shape) - 1) / 2))
    points = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), axis=-1) @ linear + affine[:3, 3]
    mu = np.zeros(shape)
    for offset, sigma, height in (((0, 0, 0), 15.0, 0.02), ((9, -7, 8), 12.0, 0.03)):
        mu += height * np.exp(-((points - CENTRE - np.array(offset)) ** 2).sum(axis=-1) / (2 * sigma**2))
    return AttenuationMap(mu.astype(np.float32), affine)


CUBE, SLAB, SHEET = blobs((26, 23, 24), (4, 4.5, 4)), blobs((28, 30, 8), (3, 3, 12)), blobs((24, 1, 20), (4, 6, 4))
ROW = Camera.centred(sdd_mm=1011.7, height=1, width=40, spacing_mm=3.0)
COLUMN = Camera.centred(sdd_mm=1011.7, height=30, width=1, spacing_mm=3.0)
CASES: dict[str, Case] = {
    "cube": (CUBE, POSES, CAMERA, CENTRE, WHOLE),
    "thick slices": (SLAB, POSES[:2], CAMERA, CENTRE, WHOLE),
    "one slice": (SHEET, POSES[:1], CAMERA, CENTRE, WHOLE),
    "one row": (CUBE, POSES[:2], ROW, CENTRE, WHOLE),
    "one column": (CUBE, POSES[:2], COLUMN, CENTRE, WHOLE),
    "one pixel": (CUBE, POSES[:1], Camera.centred(sdd_mm=1000.0, height=1, width=1, spacing_mm=1.0), CENTRE, None),
    "behind": (CUBE, FRAME.pose([(0, 0, 0, 0, 0, -1400)]), CAMERA, CENTRE, WHOLE),
    "beside": (CUBE, FRAME.pose([(0, 0, 0, 900, 0, 0)]), CAMERA, CENTRE, WHOLE),
    "in small tiles": (CUBE, POSES[1:2], CAMERA, CENTRE, {"block": 128, "programs": 1}),
    "in parts": (CUBE, POSES, CAMERA, CENTRE, WHOLE | {"programs": 10_000, "longest_split": 3}),
    "no pose": (CUBE, POSES[:0], CAMERA, CENTRE, WHOLE),
}


@pytest.fixture(scope="module")
def interpreted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, NDArray[np.float32]]:
    """What the interpreted kernel makes of every case: image and derivatives (B, 7, H, W)."""
    if importlib.util.find_spec("triton") is None:
        pytest.skip("Triton is not installed")
    folder = tmp_path_factory.mktemp("triton")
    (folder / "cases").write_bytes(pickle.dumps(CASES))
    script = Path(__file__).with_name("interpreted_kernel.py")
    subprocess.run([sys.executable, str(script), str(folder / "cases"), str(folder / "results")], check=True)
    results: dict[str, NDArray[np.float32]] = pickle.loads((folder / "results").read_bytes())
    return results


def relative_error(found: Any, truth: Any) -> float:
    return float(np.linalg.norm(np.asarray(found) - np.asarray(truth)) / np.linalg.norm(np.asarray(truth)))


@pytest.mark.parametrize(("name", "bound"), [("cube", 5e-3), ("thick slices", 5e-3)])
def test_images_agree_with_the_fine_reference(
    interpreted: dict[str, NDArray[np.float32]], name: str, bound: float
) -> None:
    attenuation, poses, camera, _, _ = CASES[name]
    fine = project_reference(attenuation, poses, camera, step_voxels=0.2, dtype=torch.float64)
    for image, truth in zip(interpreted[name][:, :1], fine, strict=True):
        assert relative_error(image, truth) < bound


@pytest.mark.parametrize("name", ["cube", "thick slices", "one slice", "one row", "one column", "one pixel"])
def test_image_and_derivatives_agree_with_joseph_on_the_cpu(
    interpreted: dict[str, NDArray[np.float32]], name: str
) -> None:
    attenuation, poses, camera, centre, _ = CASES[name]
    images, derivatives = project_with_jacobian(attenuation, poses, camera, centre)
    assert relative_error(interpreted[name][:, :1], images) < 3e-5
    # 16 bits a voxel there, 32 here.
    assert relative_error(interpreted[name][:, 1:4], derivatives[:, :3]) < 2e-3
    assert relative_error(interpreted[name][:, 4:], derivatives[:, 3:]) < 2e-3


def test_nothing_is_seen_behind_or_beside(interpreted: dict[str, NDArray[np.float32]]) -> None:
    for name in ("behind", "beside"):
        assert interpreted[name].shape == (1, 7, 20, 27)
        assert not interpreted[name].any()


def test_the_image_alone_is_the_image(interpreted: dict[str, NDArray[np.float32]]) -> None:
    np.testing.assert_allclose(interpreted["one pixel, alone"], interpreted["one pixel"][:, :1], rtol=0, atol=1e-6)


def test_the_cut_of_the_work_changes_rounding_alone(interpreted: dict[str, NDArray[np.float32]]) -> None:
    assert relative_error(interpreted["in parts"], interpreted["cube"]) < 2e-6
    assert relative_error(interpreted["in small tiles"], interpreted["cube"][1:2]) < 2e-6
    assert interpreted["no pose"].shape == (0, 7, 20, 27)


COMPILE = """
from triton import compile
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from bench.drr.triton_kernels import render

whole = ("height", "width", "n0", "n1", "n2", "poses", "splits")
kinds = {"volume": "*fp32", "floats": "*fp32", "integers": "*i64", "out": "*fp32", **dict.fromkeys(whole, "i32")}
for jacobian in (False, True):
    # Triton makes a constant of a whole number that is 1.
    for ones in ((), whole):
        fixed = {"TILES_X": 4, "WARPS_X": 2, "BLOCK": 128, "JACOBIAN": jacobian, **dict.fromkeys(ones, 1)}
        source = ASTSource(render, {**kinds, **dict.fromkeys(fixed, "constexpr")}, constexprs=fixed)
        assert "ld.global" in compile(source, target=GPUTarget("cuda", 90, 32)).asm["ptx"]
"""


def test_the_kernel_compiles_for_a_gpu() -> None:
    """The interpreter accepts more than the compiler does; the compiler needs no GPU."""
    if importlib.util.find_spec("triton") is None:
        pytest.skip("Triton is not installed")
    subprocess.run([sys.executable, "-c", COMPILE], check=True)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_without_a_gpu_one_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    with pytest.raises(ProjectionError, match="needs a GPU"):
        project(CUBE, POSES, CAMERA, kernel="cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_on_a_gpu_images_stay_there() -> None:
    device = torch.device("cuda")
    images, derivatives = project_with_jacobian(CUBE, torch.as_tensor(POSES, device=device), CAMERA, CENTRE)
    expected, slopes = project_with_jacobian(CUBE, POSES, CAMERA, CENTRE)
    assert images.device.type == derivatives.device.type == "cuda"
    assert relative_error(images.cpu(), expected) < 3e-5
    assert relative_error(derivatives.cpu(), slopes) < 3e-3
    assert relative_error(project_cuda(CUBE, POSES, CAMERA, device=device).cpu(), expected) < 3e-5


@pytest.mark.parametrize("wrong", [{"block": 48}, {"block": 32, "patches_x": 2}, {"programs": 0}])
def test_an_impossible_cut_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ProjectionError, match="powers of two"):
        Launch(**wrong)


def test_without_triton_one_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bench.drr.triton_kernels", None)
    with pytest.raises(ProjectionError, match="not installed"):
        project_cuda(CUBE, POSES, CAMERA, device=torch.device("cpu"))
