"""Run a peer on the folder of an exported problem, by the Python of the peer's own environment.

``peer.py ADAPTER register RECIPE FOLDER`` writes ``FOLDER/answer.json`` and prints what starting and searching cost.
``peer.py ADAPTER render POSE.json FOLDER IMAGE.npy`` renders the first view by the peer's own projector.
"""

import importlib.util
import json
import os
import sys
import time
from pathlib import Path
from types import ModuleType

# One thread, stated before any library counts the cores.
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"):
    os.environ[_name] = "1"

import numpy as np  # noqa: E402
from exchange import read_problem, write_answer  # noqa: E402


def adapter(path: Path) -> ModuleType:
    """The module of an ``adapter.py``, whatever packages are called alike."""
    spec = importlib.util.spec_from_file_location(f"peer_{path.parent.name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def register(peer_path: Path, recipe: str, folder: Path) -> None:
    """Answer a problem by a recipe of the adapter."""
    peer = adapter(peer_path)
    problem = read_problem(folder)
    started = time.process_time()
    answer = peer.register(problem, recipe)
    searched = time.process_time() - started
    write_answer(folder, answer)
    print(f"start {started:.3f} search {searched:.3f} renderings {answer.renderings}")  # noqa: T201


def render(peer_path: Path, pose: Path, folder: Path, image: Path) -> None:
    """Render the first view at ``rig_from_world`` of a JSON file."""
    problem = read_problem(folder)
    np.save(image, adapter(peer_path).render(problem, np.array(json.loads(pose.read_text()))))


def main() -> None:
    """Do what the command line asks for."""
    peer_path = Path(sys.argv[1]).resolve()
    action, first, *rest = sys.argv[2:]
    if action == "register":
        register(peer_path, first, Path(rest[0]))
    else:
        render(peer_path, Path(first), Path(rest[0]), Path(rest[1]))


if __name__ == "__main__":
    main()
