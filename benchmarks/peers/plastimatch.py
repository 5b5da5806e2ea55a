"""plastimatch's exact DRR, a separate program: timed as whole processes, the loading time subtracted."""

import resource
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import SimpleITK
from scene import DEPTH_MM, SDD_MM, Scene

LABEL = "plastimatch exact (processes)"
_FEW, _MANY = 1, 9


def installed() -> bool:
    """Whether the program is on the path."""
    return shutil.which("plastimatch") is not None


def times(scene: Scene) -> tuple[float, float]:
    """Processor and wall seconds of one image: of nine gantry angles less those of one, an eighth each."""
    with tempfile.TemporaryDirectory() as folder:
        volume = SimpleITK.GetImageFromArray(scene.volume.mu.transpose(2, 1, 0) * 1000)
        volume.SetSpacing([float(scene.volume.affine[axis, axis]) for axis in range(3)])
        volume.SetOrigin([float(each) for each in scene.volume.affine[:3, 3]])
        path = Path(folder) / "volume.mha"
        SimpleITK.WriteImage(SimpleITK.Cast(volume, SimpleITK.sitkFloat32), str(path))
        few, many = _run(scene, path, _FEW), _run(scene, path, _MANY)
    images = _MANY - _FEW
    return (many[0] - few[0]) / images, (many[1] - few[1]) / images


def _run(scene: Scene, volume: Path, angles: int) -> tuple[float, float]:
    edge = f"{scene.pixels} {scene.pixels}"
    command = ["plastimatch", "drr", "-A", "cpu", "-i", "exact", "-P", "none", "-t", "raw", "-r", edge]
    command += ["-z", "204.8 204.8", "--sad", str(DEPTH_MM), "--sid", str(SDD_MM), "-o", "0 0 0"]
    command += ["-a", str(angles), "-N", "5", "-O", str(volume.parent / "out"), str(volume)]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    after, ended = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, ended - began
