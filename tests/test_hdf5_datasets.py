"""DeepFluoro and Ljubljana from files written here by their published structure; the real ones were not met."""

import contextlib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from bench import registry
from bench.contract import Patient, Split, View
from bench.drr import AttenuationMap, project
from bench.errors import FluorobenchError
from bench.geometry import Matrix, compose, transform_points
from bench.volume.hdf5 import open_hdf5

h5py: Any = import_module("h5py")
files: Any = import_module("bench.xray.miniature")
deepfluoro: Any = import_module("bench.datasets.deepfluoro.miniature")
ljubljana: Any = import_module("bench.datasets.ljubljana.miniature")

WRITERS: dict[str, Callable[[Path], Path]] = {
    "deepfluoro": deepfluoro.write_file,
    "ljubljana": ljubljana.write_file,
}
FIRST = {"deepfluoro": "17-1882", "ljubljana": "subject01"}
MARK = np.array(files.LANDMARKS["ASIS-l"])


@pytest.fixture
def fluoro(tmp_path: Path) -> Path:
    return WRITERS["deepfluoro"](tmp_path / "deepfluoro.h5")


@pytest.fixture
def angio(tmp_path: Path) -> Path:
    return WRITERS["ljubljana"](tmp_path / "ljubljana.h5")


def _load(name: str, path: Path, **settings: Any) -> Patient:
    chosen = {"file": str(path), "binning": 1, **settings}
    patient: Patient = registry.build("datasets", name, chosen).patient(FIRST[name])
    return patient


def _dark_spot(view: View) -> Matrix:
    """(column, row) of the disc that the test drew."""
    assert view.image is not None
    row, column = ndimage.center_of_mass(view.image > 0.5 * float(view.image.max()))
    return np.array([column, row])


def test_landmark_lands_on_the_stored_pixel_and_on_the_disc(fluoro: Path) -> None:
    crop = 10
    upright, turned = _load("deepfluoro", fluoro, crop_px=crop).acquisitions
    assert (upright.id, turned.id) == ("000", "001")
    extrinsic, cam_to_vol = deepfluoro.poses()
    column, row = files.pixel(extrinsic @ np.linalg.inv(cam_to_vol), MARK)
    # As seen from the source columns are mirrored; with the half turn as well, rows are and columns are back.
    expected = {"000": (files.COLUMNS - 1 - column, row), "001": (column, files.ROWS - 1 - row)}
    for shot in (upright, turned):
        assert shot.reference is not None
        (view,) = shot.views
        ours = view.camera.project(transform_points(shot.reference, MARK))
        np.testing.assert_allclose(ours, np.array(expected[shot.id]) - crop, atol=0.02)
        np.testing.assert_allclose(_dark_spot(view), ours, atol=0.5)
        assert (view.camera.height, view.camera.width) == (files.ROWS - 2 * crop, files.COLUMNS - 2 * crop)
        assert view.camera.sdd_mm == pytest.approx(files.SDD_MM)


def test_line_integrals_of_deepfluoro(fluoro: Path) -> None:
    view = _load("deepfluoro", fluoro, crop_px=10, air=60000.0).acquisitions[0].views[0]
    assert view.image is not None
    assert float(view.image.max()) == pytest.approx(np.log(10), abs=1e-4)
    assert float(np.median(view.image)) == pytest.approx(0, abs=1e-6)
    small = _load("deepfluoro", fluoro, crop_px=10, binning=4).acquisitions[0].views[0]
    assert small.image is not None
    assert small.image.shape == (small.camera.height, small.camera.width) == (35, 39)
    np.testing.assert_allclose(4 * _dark_spot(small) + 1.5, _dark_spot(view), atol=1)


def test_volume_labels_and_landmarks_of_deepfluoro(fluoro: Path) -> None:
    patient = _load("deepfluoro", fluoro)
    values, spacing, origin = files.grid()
    np.testing.assert_array_equal(patient.volume.hu, values.T)
    np.testing.assert_array_equal(patient.volume.affine, compose(np.diag(spacing), origin))
    assert patient.volume.label_scheme == "deepfluoro"
    assert patient.volume.labels is not None
    np.testing.assert_array_equal(patient.volume.labels, values.T > 0)
    femur = _load("deepfluoro", fluoro, bone="left-femur").volume.labels
    assert femur is not None
    assert (set(np.unique(femur)), int((femur == 5).sum())) == ({0, 5}, 27)
    (marks,) = patient.landmarks
    assert marks.point_names == tuple(sorted(files.LANDMARKS))
    np.testing.assert_array_equal(marks.points[0], MARK)


@pytest.mark.parametrize("name", WRITERS)
def test_a_drr_at_the_reference_shows_the_blob_where_the_xray_does(name: str, tmp_path: Path) -> None:
    patient = _load(name, WRITERS[name](tmp_path / "data.h5"), **({"crop_px": 10} if name == "deepfluoro" else {}))
    for shot in patient.acquisitions:
        assert shot.reference is not None
        for view in shot.views:
            pose = view.camera_from_rig @ shot.reference
            drr = project(AttenuationMap.from_volume(patient.volume), pose[None], view.camera)[0, 0].numpy()
            row, column = ndimage.center_of_mass(drr > 0.5 * float(drr.max()))
            np.testing.assert_allclose((column, row), _dark_spot(view), atol=1.5)


def test_a_femur_keeps_the_projections_that_show_it(fluoro: Path) -> None:
    assert [shot.id for shot in _load("deepfluoro", fluoro, bone="left-femur").acquisitions] == ["001"]
    assert _load("deepfluoro", fluoro, bone="right-femur").acquisitions == ()
    assert [shot.id for shot in _load("deepfluoro", fluoro, projections=["001"]).acquisitions] == ["001"]


def test_biplane_angiograms_share_a_rig(angio: Path) -> None:
    patient = _load("ljubljana", angio)
    (shot,) = patient.acquisitions
    assert shot.reference is not None
    np.testing.assert_array_equal(shot.views[0].camera_from_rig, np.eye(4))
    ((marks,), poses) = (patient.landmarks, ljubljana.poses())
    for view, extrinsic in zip(shot.views, poses.values(), strict=True):
        column, row = files.pixel(extrinsic, MARK)
        ours = view.camera.project(transform_points(view.camera_from_rig @ shot.reference, marks.points[0]))
        np.testing.assert_allclose(ours, (files.COLUMNS - 1 - column, row), atol=0.02)
        np.testing.assert_allclose(_dark_spot(view), ours, atol=0.5)
        assert view.image is not None
        assert float(view.image.max()) == pytest.approx(0.75)  # (2000 - 500) / 2000
        assert float(view.image.min()) == 0


def test_ljubljana_points_lie_on_the_vessels(angio: Path) -> None:
    patient = _load("ljubljana", angio)
    inverse = np.asarray(np.linalg.inv(patient.volume.affine), dtype=np.float64)
    i, j, k = np.rint(transform_points(inverse, patient.landmarks[0].points[0])).astype(int)
    assert patient.volume.hu[i, j, k] == 4000
    assert float(patient.volume.hu.min()) == -1000


@pytest.mark.parametrize("name", WRITERS)
def test_all_are_test_patients_unless_told(name: str, tmp_path: Path) -> None:
    path = str(WRITERS[name](tmp_path / "data.h5"))
    dataset = registry.build("datasets", name, {"file": path})
    assert [len(dataset.patient_ids(split)) for split in (Split.TRAIN, Split.VALIDATION, Split.TEST)] == [0, 0, 2]
    split = registry.build("datasets", name, {"file": path, "train": [FIRST[name]]})
    assert split.patient_ids(Split.TRAIN) == (FIRST[name],)
    assert FIRST[name] not in split.patient_ids(Split.TEST)
    with pytest.raises(FluorobenchError, match="nobody"):
        registry.build("datasets", name, {"file": path, "validation": ["nobody"]}).patient_ids(Split.TEST)


def _without(name: str) -> Callable[[Any], None]:
    def remove(file: Any) -> None:
        del file[name]

    return remove


def _replaced(name: str, value: Any) -> Callable[[Any], None]:
    def replace(file: Any) -> None:
        del file[name]
        file[name] = value

    return replace


def _round_about(name: str) -> Callable[[Any], None]:
    """A link that leads to itself."""

    def link(file: Any) -> None:
        del file[name]
        file[name] = h5py.SoftLink(f"/{name}")

    return link


SHOT = "17-1882/projections/000"
BROKEN = [
    ("deepfluoro", _without("proj-params"), "no group or dataset 'proj-params'"),
    ("deepfluoro", _without("proj-params/intrinsic"), "no group or dataset 'proj-params/intrinsic'"),
    ("deepfluoro", _without("17-1882/vol"), "no group or dataset '17-1882/vol'"),
    ("deepfluoro", _without(f"{SHOT}/gt-poses"), f"no group or dataset '{SHOT}/gt-poses'"),
    ("deepfluoro", _without(f"{SHOT}/rot-180-for-up"), "rot-180-for-up"),
    ("deepfluoro", _replaced("17-1882/vol-seg/image/origin", [0.0, 0, 0]), "another grid"),
    ("deepfluoro", _replaced(f"{SHOT}/gt-poses/cam-to-pelvis-vol", 2 * np.eye(4)), "rigid 4x4"),
    ("deepfluoro", _replaced(f"{SHOT}/gt-poses/cam-to-pelvis-vol", compose(np.eye(3), (0, 0, -700))), "landmarks lie"),
    ("deepfluoro", _replaced(f"{SHOT}/image/pixels", np.ones((4, 5))), "must have shape 160 x 176"),
    ("deepfluoro", _replaced("proj-params/num-rows", "many"), "must hold numbers"),
    ("deepfluoro", _round_about("17-1882/vol"), "damaged: "),
    ("ljubljana", _round_about("subject01/points"), "damaged: "),
    ("ljubljana", _without("subject01/proj-lat"), "no group or dataset 'subject01/proj-lat'"),
    ("ljubljana", _without("subject01/volume/spacing"), "no group or dataset 'subject01/volume/spacing'"),
    ("ljubljana", _without("subject01/points"), "no group or dataset 'subject01/points'"),
    ("ljubljana", _replaced("subject01/volume/pixels", np.zeros((3, 4, 5))), "vessel_threshold"),
    ("ljubljana", _replaced("subject01/volume", 3.0), "expected a group"),
    ("ljubljana", _replaced("subject01/points", [[np.nan, 0, 0]]), "finite"),
]


@pytest.mark.parametrize(("name", "damage", "said"), BROKEN, ids=[f"{name}: {said}" for name, _, said in BROKEN])
def test_bad_content_is_one_line(name: str, damage: Callable[[Any], None], said: str, tmp_path: Path) -> None:
    path = WRITERS[name](tmp_path / "data.h5")
    with h5py.File(path, "r+") as file:
        damage(file)
    with pytest.raises(FluorobenchError) as caught:
        _load(name, path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("signature", [b"SNOD", b"HEAP", b"TREE"])
@pytest.mark.parametrize("name", WRITERS)
def test_a_damaged_inside_is_one_line(name: str, signature: bytes, tmp_path: Path) -> None:
    """Groups are looked up as they are needed: the library notices at any access, by errors of several kinds."""
    path = WRITERS[name](tmp_path / "data.h5")
    whole = path.read_bytes()
    places = [place for place in range(len(whole)) if whole.startswith(signature, place)]
    for place in places[:: max(1, len(places) // 2)]:
        path.write_bytes(whole[:place] + b"X" + whole[place + 1 :])
        with contextlib.suppress(FluorobenchError):
            _load(name, path)


def test_too_little_memory_is_no_damage(tmp_path: Path) -> None:
    """As the library raises it."""
    here: dict[str, Any] = {}
    exec(compile("def refuse(): raise MemoryError", "/site-packages/h5py/_hl/dataset.py", "exec"), here)
    with pytest.raises(MemoryError), open_hdf5(str(WRITERS["deepfluoro"](tmp_path / "data.h5"))):
        here["refuse"]()


@pytest.mark.parametrize("name", WRITERS)
def test_other_files_are_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = WRITERS[name](tmp_path / "data.h5").read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.h5").write_text("no HDF5")
    other = {"deepfluoro": "ljubljana", "ljubljana": "deepfluoro"}[name]
    WRITERS[other](tmp_path / "other.h5")
    monkeypatch.delenv("NOT_SET_ANYWHERE", raising=False)
    told = {
        "cut.h5": "not a complete HDF5 file",
        "text.h5": "not a complete HDF5 file",
        "other.h5": {"deepfluoro": "'proj-params'", "ljubljana": "'subject01'"}[name],
        "absent.h5": "no such file",
        "$NOT_SET_ANYWHERE.h5": "NOT_SET_ANYWHERE",
    }
    for file, said in told.items():
        with pytest.raises(FluorobenchError) as caught:
            registry.build("datasets", name, {"file": str(tmp_path / file)}).patient_ids(Split.TEST)
        assert said in str(caught.value)
        assert "\n" not in str(caught.value)
