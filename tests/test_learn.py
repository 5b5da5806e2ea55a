"""The training engine, on a network of a few numbers; RTPI's own learning is in test_rtpi.py."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from bench.contract import Problem, Split, View
from bench.errors import FluorobenchError
from bench.geometry import Camera, PoseFrame, StandardView, nominal_pose
from bench.learn import (
    CheckpointError,
    Export,
    Plan,
    Source,
    TrainingBudget,
    TrainingError,
    WeightsError,
    export,
    find_weights,
    load_weights,
    one_cycle,
    read_card,
    refusal,
    train,
    warped,
)
from bench.learn.history import HELD_OUT, LOSSES, History, draw, read_rows
from bench.learn.loop import training_lock
from bench.learn.source import Library
from bench.learn.start import begin_with
from bench.learn.tensors import packed
from bench.volume import Volume

from .toy_training import ROOT, SCENE, Toy, people


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("patients")


def state(folder: Path) -> bytes:
    """Everything but times and text: the tensors of a checkpoint."""
    from bench.learn.tensors import packed, read_tensors

    return packed(read_tensors(folder / "checkpoint.safetensors")[0])


def run(trainable: Toy, folder: Path, steps: int, **options: Any) -> None:
    train(trainable, folder=folder, budget=TrainingBudget(steps=steps), background=False, device="cpu", **options)


def test_same_seed_same_bits_and_another_seed_others(cache: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        run(Toy(cache=cache, plan=Plan(seed=seed, average=0.9)), tmp_path / name, 4)
    assert state(tmp_path / "a") == state(tmp_path / "b")
    assert state(tmp_path / "a") != state(tmp_path / "c")


def test_interrupted_and_resumed_gives_the_same_bits(cache: Path, tmp_path: Path) -> None:
    """The interrupt comes in the middle of a step; the second call completes the budget of the first."""

    def interrupt(progress: Any) -> None:
        if progress.step == 3 and not progress.held_out:
            signal.raise_signal(signal.SIGINT)

    run(Toy(cache=cache), tmp_path / "whole", 6)
    with pytest.raises(KeyboardInterrupt):
        run(Toy(cache=cache), tmp_path / "parts", 6, report=interrupt)
    assert [int(row["step"]) for row in read_rows(tmp_path / "parts" / "losses.csv")] == [1, 2, 3]
    run(Toy(cache=cache), tmp_path / "parts", 6)
    assert state(tmp_path / "whole") == state(tmp_path / "parts")
    whole, parts = (read_rows(tmp_path / name / "losses.csv") for name in ("whole", "parts"))
    assert [row["total"] for row in whole] == [row["total"] for row in parts]


def test_a_training_is_ended_by_what_ends_the_command(cache: Path, tmp_path: Path) -> None:
    """SIGTERM waits for the end of the step, then the command's own handler says how it ends."""

    class EndedError(BaseException):
        pass

    def end(number: int, frame: object) -> None:
        raise EndedError

    def interrupt(progress: Any) -> None:
        signal.raise_signal(signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, end)
    try:
        with pytest.raises(EndedError):
            run(Toy(cache=cache), tmp_path, 6, report=interrupt)
        assert signal.getsignal(signal.SIGTERM) is end
    finally:
        signal.signal(signal.SIGTERM, before)
    assert state(tmp_path)


def test_one_training_at_a_time_in_a_folder(cache: Path, tmp_path: Path) -> None:
    """Two would mix their steps; the folder stays as it is."""
    run(Toy(cache=cache), tmp_path, 2)
    before = state(tmp_path)
    with training_lock(tmp_path) as held:
        held.take()
        with pytest.raises(TrainingError, match=rf"in use by process {os.getpid()} on"):
            run(Toy(cache=cache), tmp_path, 2, fresh=True)
    assert state(tmp_path) == before
    run(Toy(cache=cache), tmp_path, 2)


# Ctrl-C of a terminal goes to the whole group, while the process that makes patients still imports.
PREFETCHED = """
import os, signal, time
from bench.learn.prefetch import Prefetcher
os.setsid()
made = Prefetcher("phantom", {"size": 24, "spacing_mm": 8.0, "cache_dir": None}, ["none"])
signal.signal(signal.SIGINT, signal.SIG_IGN)
for _ in range(10):
    time.sleep(0.1)
    os.killpg(0, signal.SIGINT)
made.close()
"""


def test_an_interrupt_is_not_answered_by_the_process_that_makes_patients() -> None:
    done = subprocess.run([sys.executable, "-c", PREFETCHED], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_killed_outright_and_resumed_gives_the_same_bits(cache: Path, tmp_path: Path) -> None:
    """SIGKILL after a checkpoint and some more steps: what was lost is done again, exactly."""
    plan = Plan(average=0.9, checkpoint_seconds=0.0)
    run(Toy(cache=cache, plan=plan), tmp_path / "whole", 6)
    code = (
        "import os, signal\n"
        "from pathlib import Path\n"
        "from tests.test_learn import Toy, run\n"
        "from bench.learn import Plan\n"
        "def kill(progress):\n"
        "    if progress.step == 4: os.kill(os.getpid(), signal.SIGKILL)\n"
        "plan = Plan(average=0.9, checkpoint_seconds=0.0)\n"
        f"run(Toy(cache=Path({str(cache)!r}), plan=plan), Path({str(tmp_path / 'parts')!r}), 6, report=kill)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(read_rows(tmp_path / "parts" / "losses.csv")) == 4
    run(Toy(cache=cache, plan=plan), tmp_path / "parts", 6)
    assert state(tmp_path / "whole") == state(tmp_path / "parts")
    assert len(read_rows(tmp_path / "parts" / "losses.csv")) == 6


def test_loss_falls_and_the_curve_is_drawn(cache: Path, tmp_path: Path) -> None:
    run(Toy(cache=cache), tmp_path, 120)
    totals = [float(row["total"]) for row in read_rows(tmp_path / "losses.csv")]
    assert np.mean(totals[-20:]) < 0.8 * np.mean(totals[:10])
    assert (tmp_path / "losses.png").stat().st_size > 5000


def test_no_legend_hides_a_curve_and_no_two_look_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = {f"a_figure_with_a_long_name_{number}": 1.0 + number for number in range(14)}
    for name in (LOSSES, HELD_OUT):
        history = History(tmp_path / name, keep_to_step=0)
        history.add(1, 1.0, figures)
        history.add(2, 2.0, figures)
    drawn: list[Figure] = []

    def keep(figure: Figure, *_: Any, **__: Any) -> None:
        figure.draw_without_rendering()
        drawn.append(figure)

    monkeypatch.setattr(Figure, "savefig", keep)
    draw(tmp_path, "a training")
    for axes in drawn[0].axes:
        assert (legend := axes.get_legend()) is not None
        assert not axes.bbox.overlaps(legend.get_window_extent())
        assert len({(line.get_color()[-1], line.get_linestyle()) for line in axes.lines}) == 14


def test_a_finished_training_goes_on_and_a_foreign_one_is_refused(cache: Path, tmp_path: Path) -> None:
    run(Toy(cache=cache), tmp_path, 2)
    run(Toy(cache=cache), tmp_path, 2)
    assert len(read_rows(tmp_path / "losses.csv")) == 4
    with pytest.raises(CheckpointError, match=r"architecture = .*--fresh"):
        run(Toy(cache=cache, width=8), tmp_path, 2)
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="--fresh"):
        run(Toy(cache=cache), tmp_path, 2)
    run(Toy(cache=cache), tmp_path, 2, fresh=True)
    assert len(read_rows(tmp_path / "losses.csv")) == 2


def test_a_checkpoint_of_an_earlier_layout_is_refused_in_one_line(cache: Path, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as earlier:
        earlier.setattr("bench.learn.checkpoint.FORMAT", 1)
        run(Toy(cache=cache), tmp_path, 1)
    with pytest.raises(CheckpointError, match=r"format 1, not 2; start with --fresh$"):
        run(Toy(cache=cache), tmp_path, 1)


def test_a_new_training_that_cannot_begin_leaves_the_old_one(cache: Path, tmp_path: Path) -> None:
    run(Toy(cache=cache), tmp_path, 2)
    kept = (tmp_path / "checkpoint.safetensors").read_bytes()
    elsewhere = Toy(cache=cache, scene=replace(SCENE, region="L9"))
    with pytest.raises(FluorobenchError, match="L9"):
        train(
            elsewhere,
            folder=tmp_path,
            budget=TrainingBudget(steps=2),
            fresh=True,
            background=False,
        )
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == kept


def test_train_validation_and_test_patients_are_apart(cache: Path) -> None:
    population = people(cache)
    train_ids, held_out = (set(population.ids(split)) for split in (Split.TRAIN, Split.VALIDATION))
    tested = set(list(population.source.patient_ids(Split.TEST))[:1000])
    assert not train_ids & held_out
    assert not (train_ids | held_out) & tested
    with pytest.raises(TrainingError, match="test patients"):
        population.ids(Split.TEST)


def test_a_step_meets_the_patients_and_problems_of_its_number(cache: Path) -> None:
    library = Library(people(cache), SCENE, background=False)

    def source(step: int) -> Source:
        return Source(library, seed=5, step=step, split=Split.TRAIN, device=torch.device("cpu"))

    assert [len(source(step).ids()) for step in (0, 2, 9)] == [1, 2, 2]
    patient = source(4).patients(1)[0]
    first, again, other = (source(step).problems(patient, 3) for step in (4, 4, 5))
    assert torch.equal(first.images, again.images)
    assert not np.array_equal(first.truth, other.truth)
    assert (np.abs(first.truth) <= SCENE.search).all()


def test_the_prefetcher_makes_patients_in_another_process(tmp_path: Path) -> None:
    library = Library(people(tmp_path / "fed"), SCENE, background=True)
    try:
        name = library.population.ids(Split.TRAIN)[0]
        assert library.prepared(name).id == name
        assert any(name in path.name for path in (tmp_path / "fed").iterdir())
    finally:
        library.close()


def test_a_warped_patient_keeps_its_centre_and_grows(cache: Path) -> None:
    library = Library(people(cache), SCENE, background=False)
    patient = library.prepared(library.population.ids(Split.TRAIN)[0])
    larger = warped(patient, 1.1 * np.eye(3))
    source = Source(library, seed=1, step=0, split=Split.TRAIN, device=torch.device("cpu"))
    before, after = (source.render(each, each.frame.nominal[None], camera=SCENE.camera) for each in (patient, larger))
    # The shadow may fill the field already; a tenth larger in every direction it is also thicker.
    assert float(after.sum()) > 1.05 * float(before.sum())
    np.testing.assert_allclose(larger.frame.centre, patient.frame.centre)


@pytest.fixture
def exported(cache: Path, tmp_path: Path) -> Path:
    run(Toy(cache=cache), tmp_path / "training", 3)
    export(
        Toy(cache=cache), Export(folder=tmp_path / "training", to=tmp_path / "weights", command="test"), device="cpu"
    )
    return tmp_path / "weights" / "toy.toml"


def test_exported_weights_are_half_precision_and_say_whence_they_come(exported: Path, cache: Path) -> None:
    card = read_card(exported)
    assert find_weights(exported.parent, "toy", "no-such-patient") == exported
    assert card.steps == 3
    assert card.trained_on.patients == people(cache).ids(Split.TRAIN)[:2]
    assert card.trained_on.settings["size"] == "24"
    assert (card.trained_on.population, card.trained_on.seeds) == ("phantom revision 5", (0, 1))
    assert card.losses["steps"][-1] == 3
    loaded = load_weights(exported, method="toy", version=3, architecture={"width": 16})
    network = loaded.fill(Toy(cache=cache).network())
    assert not network.training
    assert {str(exposure.split) for exposure in card.provenance} == {"train"}


def test_damaged_and_foreign_weights_are_refused_in_one_line(exported: Path) -> None:
    def refused(**changes: Any) -> str:
        arguments: dict[str, Any] = {"method": "toy", "version": 3, **changes}
        with pytest.raises(WeightsError) as caught:
            load_weights(exported, **arguments)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert "other" in refused(method="other")
    assert "version" in refused(version=4)
    assert "width" in refused(architecture={"width": 8})
    file, text = exported.with_suffix(".safetensors"), exported.read_text()
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(bytes(data))
    assert "sha256" in refused()
    file.unlink()
    assert "no weights file" in refused()
    for said, instead in (("[scene.camera]", "[scene.other]"), ("K = [", "Q = ["), ('"toy.safet', '"../toy.safet')):
        assert said in text
        exported.write_text(text.replace(said, instead))
        assert "not complete" in refused()
    exported.write_text(text.replace("schema = 2", "schema = 1"))
    assert "has schema 1, this program reads 2; train again: fluorobench train" in refused()
    exported.write_text("not toml [")
    assert "cannot be read" in refused()


def test_a_training_begins_with_finished_weights(exported: Path, cache: Path, tmp_path: Path) -> None:
    """Its card says what was before; its checkpoint goes on without being told again, and not from elsewhere."""
    trainer = Toy(cache=cache)
    options: dict[str, Any] = {"background": False, "device": "cpu"}
    run(trainer, tmp_path / "cold", 1)
    run(trainer, tmp_path / "warm", 1, start_from=exported)
    assert state(tmp_path / "cold") != state(tmp_path / "warm")
    train(trainer, folder=tmp_path / "warm", budget=TrainingBudget(steps=2), start_from=exported, **options)
    train(trainer, folder=tmp_path / "warm", budget=TrainingBudget(steps=1), **options)
    with pytest.raises(CheckpointError, match="did not begin"):
        train(trainer, folder=tmp_path / "cold", budget=TrainingBudget(steps=1), start_from=exported, **options)
    export(trainer, Export(folder=tmp_path / "warm", to=tmp_path / "w", command="second"), device="cpu")
    card, first = read_card(tmp_path / "w" / "toy.toml"), read_card(exported)
    assert [each.command for each in card.earlier] == ["test"]
    assert card.earlier[0].trained_on == first.trained_on
    assert (card.steps, card.earlier[0].steps) == (4, 3)
    assert len(card.provenance) == 2
    third = tmp_path / "third"
    run(trainer, third, 1, start_from=tmp_path / "w" / "toy.toml")
    export(trainer, Export(folder=third, to=tmp_path / "w3", command="third"), device="cpu")
    assert [each.command for each in read_card(tmp_path / "w3" / "toy.toml").earlier] == ["test", "second"]


def test_a_wider_input_begins_blind_and_another_shape_is_refused(exported: Path, cache: Path) -> None:
    wider: Any = Toy(cache=cache).network()
    wider[1] = torch.nn.Linear(300, 16)
    begin_with(wider, exported, method="toy", version=3)
    weight = wider[1].weight.detach()
    assert float(weight[:, 256:].abs().max()) == 0 < float(weight.abs().max())
    with pytest.raises(WeightsError, match="does not fit"):
        begin_with(Toy(cache=cache, width=8).network(), exported, method="toy", version=3)


def test_cards_without_the_new_entries_are_read(exported: Path) -> None:
    text = exported.read_text()
    assert "earlier = []" in text
    exported.write_text(text.replace("earlier = []\n", ""))
    assert read_card(exported).earlier == ()


def problem(camera: Camera, depth_mm: float = 700.0) -> Problem:
    volume = Volume(np.zeros((4, 4, 4), np.float32), np.eye(4))
    centre = volume.content_centre()
    frame = PoseFrame(nominal_pose(StandardView.AP, centre, depth_mm), centre)
    return Problem(
        case_id="x", patient_id="x", patient_hash="0", volume=volume, views=(View(camera),), start=frame.nominal,
        nominal=frame.nominal, centre=centre, search=np.ones(6), seed=1,
    )  # fmt: skip


def test_another_camera_depth_or_patient_is_refused(exported: Path) -> None:
    card = read_card(exported)
    assert refusal(card, problem(SCENE.camera)) is None
    assert "16 x 16" in str(refusal(card, problem(SCENE.camera.binned(2))))
    assert "900" in str(refusal(card, problem(SCENE.camera, 900.0)))
    own = replace(card, trained_on=replace(card.trained_on, patient_specific=True, hashes=("abc",)))
    assert "alone" in str(refusal(own, problem(SCENE.camera)))


def test_another_moving_content_is_refused_and_an_unsaid_one_is_not(exported: Path) -> None:
    card = read_card(exported)
    asked = problem(SCENE.camera)
    learnt = card.trained_on.moving
    assert refusal(card, replace(asked, moving=learnt)) is None
    assert refusal(card, asked) is None
    assert f"trained to register {learnt}; the moving content here is L3" in str(
        refusal(card, replace(asked, moving="L3"))
    )


def test_the_same_weights_are_the_same_file() -> None:
    """Their checksum belongs to a run's identity; safetensors alone writes the texts in a random order."""
    tensors, text = {"a": torch.ones(3), "b": torch.zeros(2)}, {"version": "3", "method": "µ", "x": "1"}
    files = {packed(tensors, dict(order)) for order in permutations(text.items()) for _ in range(4)}
    assert len(files) == 1


def test_weights_beyond_the_limit_are_sharded(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.learn.weights.LARGEST_FILE", 65536 + 5000)
    run(Toy(cache=cache), tmp_path, 2)
    card = export(Toy(cache=cache), Export(folder=tmp_path, to=tmp_path / "w", command="test"), device="cpu")
    assert len(card.files) > 1
    load_weights(tmp_path / "w" / "toy.toml", method="toy", version=3).fill(Toy(cache=cache).network())


@pytest.mark.parametrize(("text", "minutes"), [("20m", 20.0), ("90s", 1.5), ("1.5h", 90.0)])
def test_budgets_are_read(text: str, minutes: float) -> None:
    assert TrainingBudget.parse(text, None).minutes == pytest.approx(minutes)


@pytest.mark.parametrize("arguments", [("twenty", None), (None, None), (None, 0)])
def test_bad_budgets_are_refused(arguments: tuple[str | None, int | None]) -> None:
    with pytest.raises(TrainingError):
        TrainingBudget.parse(*arguments)


def test_rates_reach_their_peak_and_fall() -> None:
    assert one_cycle(0.1) == pytest.approx(1.0)
    assert one_cycle(1.0) == pytest.approx(0.005)


def test_the_engine_imports_on_a_bare_gpu_machine() -> None:
    blocked = ["SimpleITK", "pydantic", "tyro", "cmaes", "mahotas", "plotly", "pandas", "cv2", "skimage"]
    code = f"import sys\nsys.modules.update(dict.fromkeys({blocked!r}))\nimport bench.learn\n"
    code += "import bench.registry\nbench.registry.load('methods', 'rtpi')\n"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, env=dict(os.environ))


def test_errors_are_the_tools_own() -> None:
    assert issubclass(WeightsError, FluorobenchError)
    assert issubclass(CheckpointError, FluorobenchError)
