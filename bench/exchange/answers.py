"""A table of answers of any program, read, checked and turned into estimates; what is wrong with it is named."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.cases.records import ProblemRecord
from bench.cells import cells_of, plain_number, table_of
from bench.errors import FluorobenchError, describe_error
from bench.exchange.mistakes import recognised
from bench.exchange.model import PREFIX
from bench.exchange.rigid import require_rigid_answers
from bench.geometry import Matrix
from bench.registry import unknown
from bench.score.images import TRUTH
from bench.text import one_line, read_text

_LONGEST_LABEL = 60
_LARGEST = 1 << 28
_FEW = 3
_MOST_SECONDS = 1e9
_ALIASES = {"case_id": "case", "method": "label", "time": "seconds"}
_MATRIX = tuple(f"rig_from_world_{row}{column}" for row in range(4) for column in range(4))
_SHOWN = 200


class AnswersError(FluorobenchError):
    """A table of answers that cannot be scored."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """One line of a table.

    Attributes:
        case_id: Of the problem.
        label: Of the program.
        pose: rig_from_world, 4x4, mm; None where the program found none.
        seconds: That it took, as it states; None where it does not.
        error: Why there is no pose.
    """

    case_id: str
    label: str
    pose: Matrix | None
    seconds: float | None
    error: str

    @property
    def name(self) -> str:
        """For messages."""
        return f"case {one_line(self.case_id, 60)!r} of {one_line(self.label, _LONGEST_LABEL)!r}"


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """The answers of a table.

    Attributes:
        by_label: In the order of the labels' first lines; each has one answer a case.
        remarks: What was changed, a sentence each.
    """

    by_label: Mapping[str, Sequence[Answer]]
    remarks: tuple[str, ...]

    def digest(self, label: str) -> str:
        """Names the content of a label's answers (16 hex digits), in any order."""
        rows = sorted(
            (each.case_id, None if each.pose is None else each.pose.tolist(), each.seconds, each.error)
            for each in self.by_label[label]
        )
        return hashlib.sha256(repr(rows).encode()).hexdigest()[:16]


def read_answers(path: Path, cases: Sequence[ProblemRecord], *, label: str | None = None) -> Answers:
    """Read a table of answers to cases.

    Args:
        path: CSV of UTF-8 or with a byte order mark, separated by commas, semicolons or tabs.
        cases: All of the set; each label must answer every one once.
        label: Of answers in a table without a column ``label``.

    Raises:
        AnswersError: One line that names the first fault, how often it occurs, and the remedy.
    """
    try:
        rows = _rows(path, label)
        _require_these_problems(rows, cases)
        answers = [_answer(row) for row in rows]
        _require_labels(answers)
        _require_every_case_once(answers, cases)
        rigid, remarks = require_rigid_answers(answers)
        by_label: dict[str, list[Answer]] = {}
        for each in rigid:
            by_label.setdefault(each.label, []).append(each)
        known = {each.case_id: each for each in cases}
        for rows_of_label in by_label.values():
            _require_our_convention(rows_of_label, known)
    except FluorobenchError as error:
        raise AnswersError(f"{path}: {one_line(str(error), 600)}") from None
    return Answers(by_label, tuple(f"{path}: {each}" for each in remarks))


def _rows(path: Path, label: str | None) -> list[dict[str, str]]:
    try:
        text = read_text(path, largest=_LARGEST)
    except (OSError, UnicodeDecodeError) as error:
        raise AnswersError(f"expected a table of answers (CSV); {describe_error(error)}") from None
    rows = [{_ALIASES.get(name, name): cell for name, cell in row.items()} for row in table_of(text, ())]
    names = set(rows[0]) if rows else set[str]()
    if "case" not in names or not ({"r", "t"} <= names or "pose" in names or set(_MATRIX) <= names):
        title = one_line(text.strip().partition("\n")[0], _SHOWN) or "nothing"
        raise AnswersError(f"expected answers below a title line such as case,label,R,t,seconds; got {title!r}")
    if "label" not in names:
        if label is None:
            raise AnswersError("it has no column label; add one, or name the program with --label")
        rows = [{**row, "label": label} for row in rows]
    return rows


def _require_these_problems(rows: Sequence[Mapping[str, str]], cases: Sequence[ProblemRecord]) -> None:
    """A column ``problems`` names the set of cases: the same names of cases stand for others in other sets."""
    ours = cases[0].perturbation_hash
    for row in rows:
        stated = row.get("problems", "").casefold().removeprefix(PREFIX)
        if stated and not (len(stated) >= 8 and ours.startswith(stated)):
            raise AnswersError(
                f"its answers are to the problems {one_line(stated, 20)}, these are {ours[:8]}; name the folder of the "
                "problems that were answered"
            )


def _answer(row: Mapping[str, str]) -> Answer:
    plain = Answer(row["case"], row["label"], None, _seconds(row), one_line(row.get("error", ""), 500))
    numbers = pose_of(row, plain.name)
    if numbers is None:
        return plain
    if plain.error:
        raise AnswersError(f"{plain.name} has a pose and an error ({plain.error!r}); leave one of them empty")
    return Answer(plain.case_id, plain.label, numbers, plain.seconds, "")


def _seconds(row: Mapping[str, str]) -> float | None:
    text = row.get("seconds", "")
    if not text:
        return None
    try:
        seconds = plain_number(text.replace(",", "."))
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= _MOST_SECONDS:
        raise AnswersError(f"case {one_line(row['case'], 60)!r}: expected seconds, not negative, or nothing; got "
                           f"{one_line(text, 40)!r}")  # fmt: skip
    return seconds


def pose_of(row: Mapping[str, str], name: str) -> Matrix | None:
    """The 4x4 matrix of a line, as it stands; None where its cells are empty.

    Args:
        row: Cells by column: R and t, ``pose``, or ``rig_from_world_00`` to ``rig_from_world_33``.
        name: Of the answer, for messages.

    Raises:
        AnswersError: Other columns, or cells with other numbers.
    """
    pose = np.eye(4)
    if "r" in row and "t" in row:
        parts = (_numbers(row["r"], 9, f"{name}: R"), _numbers(row["t"], 3, f"{name}: t"))
        if parts[0] is None or parts[1] is None:
            if parts[0] is not parts[1]:
                raise AnswersError(f"{name} has one of R and t alone; give both, or neither for a failure")
            return None
        pose[:3, :3], pose[:3, 3] = np.reshape(parts[0], (3, 3)), parts[1]
        return pose
    if "pose" not in row and not set(_MATRIX) <= row.keys():
        raise AnswersError(f"{name}: expected columns R and t, or pose; got {one_line(', '.join(row), 100)}")
    text = row["pose"] if "pose" in row else " ".join(row[each].replace(",", ".") for each in _MATRIX)
    found = _numbers(text, 16, f"{name}: pose")
    return None if found is None else np.reshape(found, (4, 4))


def _numbers(cell: str, count: int, name: str) -> list[float] | None:
    text = cell.translate(_BRACKETS).strip()
    if not text:
        return None
    try:
        numbers = [plain_number(each) for each in cells_of(text)]
    except ValueError as error:
        raise AnswersError(f"{name}: {one_line(str(error), 60)}; a case without a pose has empty cells") from None
    if len(numbers) != count:
        raise AnswersError(f"{name} has {len(numbers)} numbers; expected {count}, row by row")
    return numbers


_BRACKETS = str.maketrans("[]()", "    ")


def _require_labels(answers: Iterable[Answer]) -> None:
    for label in dict.fromkeys(each.label for each in answers):
        shown = one_line(label, _LONGEST_LABEL)
        if not 1 <= len(label) <= _LONGEST_LABEL:
            raise AnswersError(f"a label has 1 to {_LONGEST_LABEL} characters; got {len(label)}: {shown!r}")
        if shown != label or label == TRUTH:
            raise AnswersError(f"the label {shown!r} holds control characters or is reserved; choose another")


def _require_every_case_once(answers: Sequence[Answer], cases: Sequence[ProblemRecord]) -> None:
    known = {each.case_id for each in cases}
    strange = [each for each in answers if each.case_id not in known]
    if strange:
        first = unknown("case", one_line(strange[0].case_id, 100), known)
        raise AnswersError(f"{len(strange)} of {len(answers)} lines answer unknown cases: {first}")
    counts = Counter((each.label, each.case_id) for each in answers)
    doubled = [each for each in answers if counts[each.label, each.case_id] > 1]
    if doubled:
        raise AnswersError(f"{len(doubled)} lines answer a case twice, the first {doubled[0].name}; keep one line each")
    for label in dict.fromkeys(each.label for each in answers):
        missing = [each.case_id for each in cases if (label, each.case_id) not in counts]
        if missing:
            some = ", ".join(missing[:_FEW]) + (", ..." if len(missing) > _FEW else "")
            raise AnswersError(
                f"{label!r} lacks {len(missing)} of {len(cases)} cases ({some}); a case without a pose needs a line "
                "with empty cells: it counts as a failure"
            )


def _require_our_convention(answers: Sequence[Answer], cases: Mapping[str, ProblemRecord]) -> None:
    posed = [(each.pose, cases[each.case_id]) for each in answers if each.pose is not None]
    if not posed:
        return
    mistakes = recognised(np.stack([pose for pose, _ in posed]), [case for _, case in posed])
    if mistakes:
        names, remedies = (" and ".join(texts) for texts in zip(*((m.name, m.remedy) for m in mistakes), strict=True))
        raise AnswersError(
            f"the poses of {answers[0].label!r} are {names}: as they stand they lie far from every nominal pose, "
            f"converted they do not; {remedies}"
        )
