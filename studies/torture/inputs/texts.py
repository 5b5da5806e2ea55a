"""Texts of every kind: protocols, cases, calibrations, landmarks, poses, cards, weights, baselines, a run's records."""

import hashlib
import json
import os
import shutil
import tomllib
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import tomli_w

from bench import registry
from bench.cases.prepare import open_dataset
from bench.cli.run import Run
from bench.contract import Dataset, Split, View
from bench.geometry import Camera
from bench.protocol import load_protocol
from studies.torture.inputs.forms import Form, UnsoundError, require_finite
from studies.torture.inputs.structures import damage_bytes, damage_hdf5, damage_json, damage_toml
from studies.torture.places import PLUGINS, ROOT, TOY

_CALIBRATION = (
    "image size\n1760,1760\n\ncamera matrix\n6500.1,0,880\n0,6490,875\n0,0,1\n\nrotation\n1,0,0\n0,1,0\n0,0,1\n\n"
    "translation\n1.5\n2\n1500\n"
)
_VTK = '{"version": 1.1, "camera-position": [0, 0, 1], "focal-point": [0, 0, 0], "view-angle": 30}'
_NOBODY = "no such row"


def _protocols(folder: Path) -> None:
    for name in ("sopi-sim", "regress", "sopi-xray", "wrist"):
        source = ROOT / "bench" / "protocols" / f"{name}.toml"
        (folder / f"my-{name}.toml").write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    shutil.copyfile(TOY, folder / "my-toy.toml")


def _read_protocol(path: Path) -> None:
    protocol = load_protocol(str(path), "quick")
    if protocol.data.dataset != "phantom":
        open_dataset(protocol)


def _data(folder: Path) -> None:
    (folder / "a.toml").write_text('[data]\ndataset = "phantom"\npatients = 1\nregion = "whole"\n', encoding="utf-8")
    over = {"start": {"per_patient": 2}, "budget": {"seconds_per_case": 9.5}, "camera": {"height": 64, "width": 64}}
    (folder / "b.toml").write_text(tomli_w.dumps(over), encoding="utf-8")


def _read_data(path: Path) -> None:
    """What ``run --data`` does first; a row that no protocol has ends it before it runs."""
    try:
        Run(protocols=("sopi-sim",), profile="smoke", data=path, only=(_NOBODY,))()
    except registry.UnknownNameError as error:
        if _NOBODY not in str(error):
            raise


def _calibrations(folder: Path) -> None:
    (folder / "cam.txt").write_text(_CALIBRATION, encoding="utf-8")
    (folder / "vtk.txt").write_text(_VTK, encoding="utf-8")
    (folder / "mayacam.csv").write_text("1,2,3\n4,5,6\n7,8,9\n10,11,12\n13,14,15\n", encoding="utf-8")
    (folder / "K.txt").write_text("1000 0 64\n0 1000 64\n0 0 1\n", encoding="utf-8")
    (folder / "P.txt").write_text("1000 0 64 0\n0 1000 64 0\n0 0 1 700\n", encoding="utf-8")


def _calibration_tables(folder: Path) -> None:
    K = [[1000.0, 0.0, 64.0], [0.0, 1000.0, 64.0], [0.0, 0.0, 1.0]]
    points = [[10.0 * x, 10.0 * y, 10.0 * z, 64 + x, 64 + y] for x in (0, 1) for y in (0, 1) for z in (0, 1)]
    grid = [[x, y, x + 0.5, y + 0.2] for x in (0.0, 60.0, 127.0) for y in (0.0, 60.0, 127.0)]
    tables: dict[str, dict[str, Any]] = {
        "matrix": {"calibration": {"kind": "matrix", "K": K, "sdd_mm": 1000.0, "size": [128, 128]}},
        "projection": {"calibration": {"kind": "projection", "matrix": [[*row, 1.0] for row in K], "size": [128, 128]}},
        "detector": {
            "calibration": {
                "kind": "detector", "source": [0.0, -700.0, 0.0], "size": [128, 128],
                "corners": [[-64.0, 300.0, 64.0], [64.0, 300.0, 64.0], [-64.0, 300.0, -64.0]],
            }
        },
        "fiducials": {"calibration": {"kind": "fiducials", "points": points, "K": K}},
        "grid": {"calibration": {"kind": "header"}, "distortion": {"kind": "grid", "points": grid}},
    }  # fmt: skip
    for name, table in tables.items():
        (folder / f"{name}.toml").write_text(tomli_w.dumps(table), encoding="utf-8")


def _read_calibration(path: Path) -> None:
    from bench.xray.camera_files import camera_tables
    from bench.xray.case import case_of

    xray = path.with_name("xray.tif")
    if not xray.exists():
        import_module("bench.volume.write").write_image(xray, (np.ones((128, 128)) * 1000).astype(np.uint16))
    image = {"file": str(xray), "flip": "none", "bright": "air", **camera_tables(path)}
    rig = case_of({"ct": {"volume": "none"}, "images": [image]}, name="case", folder=path.parent).rig()
    require_finite("cameras", *(each.camera.K for each in rig.cameras))


def _landmarks(folder: Path) -> None:
    points = [{"label": name, "position": [1.0 * n, 2.0, 3.0]} for n, name in enumerate(("L1", "L2", "L3"))]
    markups = {"markups": [{"coordinateSystem": "LPS", "coordinateUnits": "mm", "controlPoints": points}]}
    (folder / "a.mrk.json").write_text(json.dumps(markups), encoding="utf-8")
    head = "# CoordinateSystem = LPS\n# columns = id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label\n"
    (folder / "b.fcsv").write_text(head + "1,1.5,2,3,0,0,0,1,1,1,0,L1\n2,4,5,6,0,0,0,1,1,1,0,L2\n", encoding="utf-8")
    (folder / "c.csv").write_text("name,x,y,z\nL1,1,2,3\nL2,4.5,5,6\n", encoding="utf-8")


def _read_landmarks(path: Path) -> None:
    from bench.start.landmarks import read_landmarks

    require_finite("landmarks", *read_landmarks(path).values())


def _clicks(folder: Path) -> None:
    (folder / "clicks.csv").write_text("view,name,column,row\n1,L1,10.5,20\n2,L2,30,40\n", encoding="utf-8")


def _read_clicks(path: Path) -> None:
    from bench.start.clicks import check_clicks, read_clicks

    check_clicks(read_clicks(path), [(128, 128), (128, 128)])


def _poses(folder: Path) -> None:
    pose = [[1.0, 0, 0, 1], [0, 0, -1.0, 2], [0, 1.0, 0, 700.0], [0, 0, 0, 1.0]]
    (folder / "a.json").write_text(json.dumps({"method": "x", "rig_from_world": pose}), encoding="utf-8")
    (folder / "b.toml").write_text(
        tomli_w.dumps({"reference": {"pose": pose, "uncertainty_mm": 1.0}}), encoding="utf-8"
    )


def _read_pose(path: Path) -> None:
    from bench.single.problem import read_pose

    require_finite("a pose", read_pose(path))


def _schemes(folder: Path) -> None:
    (folder / "mine.toml").write_text('L1 = 1\nL2 = 2\n"L3" = 3\nsacrum = 26\n', encoding="utf-8")


def _read_scheme(path: Path) -> None:
    from bench.volume.labels import scheme

    scheme(str(path))


def _baselines(folder: Path) -> None:
    for source in sorted((ROOT / "tests" / "baselines" / "regress").glob("*.json"))[1:3]:
        shutil.copyfile(source, folder / source.name)


def _read_baseline(path: Path) -> None:
    from bench.score.baseline import read_baselines

    read_baselines(path)


def _weights(folder: Path) -> None:
    shutil.copytree(ROOT / "methods" / "rtpi" / "weights", folder / "w", ignore=shutil.ignore_patterns("*.png"))


def _read_weights(path: Path) -> None:
    trainer = registry.module("methods", "rtpi").trainer
    weights = import_module("bench.learn.weights").load_weights(path, method="rtpi", version=trainer.version)
    if not weights.tensors:
        raise UnsoundError("weights without a tensor")


def _read_network(path: Path) -> None:
    """The weights in their network; the card's checksum is made to fit the damaged file."""
    from bench.volume import Volume

    data, card = path.with_suffix(".safetensors").read_bytes(), tomllib.loads(path.read_text(encoding="utf-8"))
    card["files"][0] |= {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    path.write_text(tomli_w.dumps(card), encoding="utf-8")
    hu = np.full((16, 16, 16), -1000, dtype=np.float32)
    hu[5:11, 5:11, 5:11] = 800
    volume = Volume(hu, np.diag([4.0, 4.0, 4.0, 1.0])).with_mask(hu > 0)
    method = registry.build("methods", "rtpi", {"weights": str(path.parent)})
    table = card["scene"]["camera"]
    camera = Camera(np.array(table["K"], dtype=np.float64), table["height"], table["width"], None)
    method.prepare(volume, [View(camera, np.eye(4))])


def _run(folder: Path) -> None:
    """A finished run of the toy protocol."""
    from bench.run.resume import run_or_resume

    protocol = load_protocol(str(TOY), "smoke")
    steady = protocol.model_copy(update={"methods": protocol.methods[:1]})
    run_or_resume(steady, folder, fresh=True, show=lambda steps: [None for _ in steps].clear(), report=lambda _: None)
    (folder / "latest").unlink(missing_ok=True)


def _read_run(path: Path) -> None:
    """What ``verify``, the resuming of a run and ``score`` do with a folder; a fault must be told by each of them."""
    from bench.errors import FluorobenchError
    from bench.run.journal import Journal
    from bench.run.verify import verify

    findings = verify(path).findings
    journal = Journal(path)
    try:
        journal.require_seals()
        journal.estimates()
        journal.truths()
    except (FluorobenchError, OSError) as error:
        if not findings:
            raise UnsoundError(f"verify tells nothing of: {error}") from None
        raise
    finally:
        _mend(journal)
    if findings:
        raise FluorobenchError(findings[0].what)


def _mend(journal: Any) -> None:
    from bench.errors import FluorobenchError

    try:
        journal.mend()
    except FluorobenchError:
        return


def _damage_run(path: Path, random: Random) -> None:
    if path.suffix == ".toml":
        damage_toml(path, random)
    elif path.suffix in (".json", ".jsonl"):
        damage_json(path, random)
    else:
        damage_bytes(path, random)


def _dataset(name: str) -> tuple[Any, Any]:
    """How a data set's miniature is written, and how it is read again."""

    def make(folder: Path) -> None:
        miniature: Any = registry.module("datasets", name).miniature
        (folder / "all").mkdir()
        settings = miniature(folder / "all")
        text = json.dumps(dict(settings)).replace(str(folder / "all"), "@")
        (folder / "settings.json").write_text(text, encoding="utf-8")

    def read(path: Path) -> None:
        settings = json.loads((path.parent / "settings.json").read_text(encoding="utf-8").replace("@", str(path)))
        dataset: Dataset = registry.build("datasets", name, settings)
        patient_id = next(iter(each for split in Split for each in dataset.patient_ids(split)))
        patient = dataset.patient(patient_id)
        volume = patient.volume
        require_finite("volumes", volume.hu, volume.affine, volume.labels)
        require_finite("landmarks", *(marks.points for marks in patient.landmarks))
        for taken in patient.acquisitions:
            require_finite("X-rays", taken.reference, *(view.image for view in taken.views))
            require_finite("cameras", *(view.camera.K for view in taken.views))

    return make, read


def _of_dataset(name: str, *targets: str, damage: Any, share: float = 0.6) -> Form:
    make, read = _dataset(name)
    places = [f"all/{target}" for target in targets]
    return Form(
        name=f"data set {name}", make=make, entries="all", targets=places, damage=damage, read=read, share=share
    )


def _damage_any(path: Path, random: Random) -> None:
    kinds = {".json": damage_json, ".toml": damage_toml, ".h5": damage_hdf5}
    kinds.get(path.suffix, damage_bytes)(path, random)


def prepare() -> None:
    """Let a campaign and its readers find the study's plug-ins, and protocols their data."""
    registry.add_folder(PLUGINS)
    os.environ.setdefault("FLUOROBENCH_DATA", str(ROOT))


TEXTS = (
    Form(name="protocol (TOML)", make=_protocols, entries="*.toml", damage=damage_toml, read=_read_protocol),
    Form(name="run --data (TOML)", make=_data, entries="*.toml", damage=damage_toml, read=_read_data),
    Form(name="calibration text", make=_calibrations, entries="*.*", read=_read_calibration),
    Form(
        name="calibration (TOML)",
        make=_calibration_tables,
        entries="*.toml",
        damage=damage_toml,
        read=_read_calibration,
    ),
    Form(name="landmarks", make=_landmarks, entries="*.*", damage=_damage_any, read=_read_landmarks),
    Form(name="clicks (CSV)", make=_clicks, entries="*.csv", read=_read_clicks, share=0.5),
    Form(name="pose", make=_poses, entries="*.*", damage=_damage_any, read=_read_pose, share=0.6),
    Form(name="label scheme (TOML)", make=_schemes, entries="*.toml", damage=damage_toml, read=_read_scheme, share=0.4),
    Form(name="baseline (JSON)", make=_baselines, entries="*.json", damage=damage_json, read=_read_baseline),
    Form(name="weights' card", make=_weights, entries="w/rtpi.toml", damage=damage_toml, read=_read_weights, share=0.8),
    Form(
        name="weights",
        make=_weights,
        entries="w/rtpi.toml",
        targets=("w/*.safetensors",),
        read=_read_network,
        share=0.3,
    ),
    Form(
        name="run's files",
        make=_run,
        entries="torture-*",
        targets=("torture-*/*.json*", "torture-*/*.toml"),
        damage=_damage_run,
        read=_read_run,
    ),
    _of_dataset("verse", "**/*ctd.json", "**/*ctd.json", "**/*msk.nii.gz", damage=_damage_any),
    _of_dataset("deepfluoro", "*.h5", damage=_damage_any),
    _of_dataset("ljubljana", "*.h5", damage=_damage_any, share=0.5),
    _of_dataset("autoscoper", "knee/*.json", "knee/Calibration/*.txt", "knee/**/*.tif", damage=_damage_any, share=0.4),
    _of_dataset("gantry", "blocks/*.json", "blocks/*.png", damage=_damage_any, share=0.4),
    _of_dataset("xray_case", "*.toml", "*.toml", "*.tif", damage=_damage_any),
)
