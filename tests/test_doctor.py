"""``fluorobench doctor``: what it finds, what mends it, and a test of the whole pipeline."""

from pathlib import Path
from unittest.mock import Mock

import pytest

from bench.cli.doctor import Doctor
from bench.run.machine import examine
from bench.score.self_test import SelfTest


def found(out: Path) -> dict[str, tuple[str, str]]:
    return {each.what: (each.found, each.remedy) for each in examine(out)}


def test_it_names_what_mends_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = found(tmp_path / "runs")
    assert sound["data phantom"][0].endswith("test patients")
    assert sound["disk"][0].endswith(str(tmp_path))
    monkeypatch.setattr("bench.run.machine.threads", lambda: 10_000)
    monkeypatch.setattr("bench.run.machine.free_bytes", lambda: 2**20)
    monkeypatch.setattr("shutil.disk_usage", Mock(return_value=Mock(free=2**20)))
    worse = found(tmp_path)
    assert worse["threads"][1].startswith("export OMP_NUM_THREADS=")
    assert worse["memory"][1]
    assert "--out" in worse["disk"][1]


def test_libraries_gpu_and_caches_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    patients = tmp_path / "fluorobench" / "phantom"
    patients.mkdir(parents=True)
    (patients / "a.npz").write_bytes(bytes(3 * 2**20))
    sound = found(tmp_path)
    assert sound["cache of phantom"] == (f"3 MiB in {patients}", "")
    assert sound["requirements"][1] == ""
    assert sound["data verse"] == ("takes settings that name your files", "fluorobench info verse")
    monkeypatch.setattr("bench.run.machine._LARGE_CACHE", 2**20)
    monkeypatch.setattr(
        "bench.run.machine.metadata.requires", Mock(return_value=["numpy>=999", "torch", "nothing-here>=1"])
    )
    monkeypatch.setattr("bench.run.machine.torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("bench.run.machine.shutil.which", Mock(return_value="/usr/bin/nvidia-smi"))
    worse = found(tmp_path)
    assert worse["cache of phantom"][1] == f"rm -r {patients}"
    assert worse["requirements"][1] == "pip install 'numpy>=999' 'nothing-here>=1'"
    assert worse["device"][1].startswith("pip install --force-reinstall torch==")


def test_a_user_without_a_home_is_told_where_caches_can_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", Mock(side_effect=RuntimeError("Could not determine home directory.")))
    assert found(tmp_path)["cache"] == ("there is no home folder", "export XDG_CACHE_HOME=/tmp/cache")


def test_the_pipeline_tells_the_truth_from_the_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Doctor(out=tmp_path)()
    assert "self-test passed" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_score_ends_with_a_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("bench.score.self_test.self_test", lambda: SelfTest(0.5, 3.0, 3.0, 1.0))
    with pytest.raises(SystemExit) as caught:
        Doctor(out=tmp_path)()
    assert caught.value.code == 1
    assert "FAILED" in capsys.readouterr().out
