"""Whatever a method returns, raises or does to its process, it costs its own row and nothing else."""

from collections.abc import Iterator

import pytest

from bench.cases.records import EstimateRecord
from bench.contract import Outcome
from bench.score.finished import open_run

from .toy_run import ANSWER, execute, on_the_path, protocol

CONVERGED = "Estimate(problem.start, Outcome.CONVERGED"
# Body of ``register``, answer of ``skip``, the outcome of the row, a word of its reason.
HOSTILE = {
    "covariance_nan": (f"return {CONVERGED}, covariance=np.full((6, 6), np.nan))", "None", "INVALID", "covariance"),
    "covariance_negative": (f"return {CONVERGED}, covariance=-np.eye(6))", "None", "INVALID", "covariance"),
    "covariance_lopsided": (
        f"return {CONVERGED}, covariance=np.triu(np.ones((6, 6))))",
        "None",
        "INVALID",
        "covariance",
    ),
    "counts_beyond": (f"return {CONVERGED}, drr_evaluations=10**30)", "None", "INVALID", "drr_evaluations"),
    "counts_below": (f"return {CONVERGED}, drr_evaluations=-1)", "None", "INVALID", "drr_evaluations"),
    "counts_halves": (f"return {CONVERGED}, drr_evaluations=1.5)", "None", "INVALID", "drr_evaluations"),
    "seconds_nan": (f"return {CONVERGED}, seconds={{'a': float('nan')}})", "None", "INVALID", "seconds"),
    "seconds_below": (f"return {CONVERGED}, seconds={{'a': -1.0}})", "None", "INVALID", "seconds"),
    "seconds_text": (f"return {CONVERGED}, seconds='long')", "None", "INVALID", "seconds"),
    "phase_surrogate": (f"return {CONVERGED}, seconds={{'\\ud800': 1.0}})", "None", "CONVERGED", ""),
    "phases_many": (
        f"return {CONVERGED}, seconds={{str(i) * 99: 1.0 for i in range(99999)}})",
        "None",
        "INVALID",
        "seconds",
    ),
    "complex_pose": ("return Estimate(problem.start + 1j, Outcome.CONVERGED)", "None", "INVALID", "pose"),
    "far_pose": (
        "p = problem.start.copy(); p[0, 3] = 1e300; return Estimate(p, Outcome.CONVERGED)",
        "None",
        "INVALID",
        "pose",
    ),
    "skips_true": (ANSWER, "True", "INVALID", "skip"),
    "skips_list": (ANSWER, "['a', 'b']", "INVALID", "skip"),
    "skips_surrogate": (ANSWER, "'no \\ud800 way'", "SKIPPED", "no"),
    "skips_escape": (ANSWER, "'\\x1b[2J\\x07gone'", "SKIPPED", "gone"),
    "raises_surrogate": ("raise ValueError('bad \\udcff name')", "None", "RAISED", "bad"),
    "raises_silently": (
        "E = type('E', (Exception,), {'__str__': lambda s: 1 / 0}); raise E()",
        "None",
        "RAISED",
        "E",
    ),
    "raises_exit": ("raise SystemExit(3)", "None", "RAISED", "SystemExit"),
    "raises_interrupt": ("raise KeyboardInterrupt", "None", "RAISED", "KeyboardInterrupt"),
    "raises_much": ("raise ValueError('x' * 10**7)", "None", "RAISED", "xxx"),
}


# One method that commits one fault a case: a process takes seconds to start.
FAULTS = [f"if case == {number}: {body}" for number, (body, *_) in enumerate(HOSTILE.values())]
NUMBER = "case = int(problem.case_id[-3:])"
BODY = "\n        ".join([NUMBER, *FAULTS, ANSWER])
SKIP = "[{}][int(problem.case_id[-3:])]".format(", ".join([*(skip for _, skip, *_ in HOSTILE.values()), "None"]))


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[EstimateRecord]]:
    """A row a fault and one without, in their order; the run is finished and scored."""
    with on_the_path(tmp_path_factory.mktemp("plugins"), {"hostile": (BODY, SKIP)}):
        whole = protocol("hostile", budget={"seconds_per_case": 60.0})
        data = whole.data.model_copy(update={"patients": 1})
        start = whole.start.model_copy(update={"per_patient": len(HOSTILE) + 1})
        journal = execute(whole.model_copy(update={"data": data, "start": start}), tmp_path_factory.mktemp("runs"))
        assert len(open_run(journal.folder).scores) == len(HOSTILE) + 1
        yield journal.estimates()


@pytest.mark.parametrize(("number", "name"), list(enumerate(HOSTILE)))
def test_it_is_a_row_with_its_reason(number: int, name: str, rows: list[EstimateRecord]) -> None:
    _, _, outcome, word = HOSTILE[name]
    assert rows[number].outcome is Outcome[outcome], rows[number].error
    error = rows[number].error or ""
    assert word in error
    assert error.isprintable()
    assert len(error) <= 500


def test_the_case_after_them_is_answered(rows: list[EstimateRecord]) -> None:
    assert rows[-1].outcome is Outcome.CONVERGED
