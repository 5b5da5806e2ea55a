"""Run the installed peers beside our rows on the same cases: ``run_rounds.py PROTOCOL ... [--rounds N]``.

A round is one patient of each protocol; of ``wrist`` its two frames, each with both cameras. Rounds that were run are
kept; an interrupted round goes on. Each is a run folder of its own under ``runs/peers``; ``table.py`` joins them.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from install import HERE, PEERS
from rows import NEAR, NEAR_START, OURS, PATIENTS, ROWS, SECONDS_PER_CASE, Row

ROOT = HERE.parent
RUNS = ROOT / "runs" / "peers"
_THREADS = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}


def protocol(name: str, number: int) -> str:
    """The text of a round's protocol: the protocol's own cases of one patient, one start each; chosen rows of it."""
    rows = [row for row in ROWS if (PEERS / row.peer / ".installed").exists()]
    base = "sopi-sim" if name == NEAR else name
    lines = [f'extends = "{base}"', f'name = "peers-{name}-{number}"', f'title = "{name} beside other tools"']
    lines += [f"rows = {json.dumps([*OURS[name], *(row.label for row in rows)])}"]
    lines += ["[data]", "patients = 1"]
    if name == "wrist":
        lines += ['views = "all"', "[start]", "per_patient = 2"]
    else:
        lines += ["[data.settings]", f'only = "{PATIENTS[number]}"', "[start]", "per_patient = 1"]
    if name == NEAR:
        lines += ['distribution = "near"', "[start.distributions]", f"near = {NEAR_START}"]
    lines += ["[budget]", f"seconds_per_case = {SECONDS_PER_CASE}"]
    lines += ["[scoring]", "images = false", "[artefacts]", "names = []", "[profile.round]"]
    return "\n".join([*lines, *(method for row in rows for method in _method(row)), ""])


def _method(row: Row) -> list[str]:
    python = PEERS / row.peer / "bin" / "python"
    command = [str(python), "-W", "ignore", str(HERE / "peer.py"), str(HERE / row.peer / "adapter.py")]
    command += ["register", row.recipe]
    return [
        "[[methods]]",
        f"label = {json.dumps(row.label)}",
        'plugin = "external"',
        f"settings = {{ command = {json.dumps(command)} }}",
    ]


def rounds(name: str, number: str = "[0-9]*") -> list[Path]:
    """Folders of the finished rounds of a protocol, or of one of them."""
    return sorted(path.parent for path in RUNS.glob(f"peers-{name}-{number}-round-*/scores.parquet"))


def run(name: str, number: int) -> int:
    """Run a round, unless it is finished; returns the exit status."""
    if rounds(name, str(number)):
        return 0
    path = RUNS / f"{name}-{number}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(protocol(name, number))
    program = Path(sys.executable).with_name("fluorobench")
    command = [str(program), "run", str(path), "--profile", "round", "--out", str(RUNS), "--threads", "1"]
    return subprocess.run(command, env={**os.environ, **_THREADS}, check=False).returncode


def main() -> None:
    """Run rounds, all protocols of one before the next."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("protocols", nargs="+", choices=sorted(OURS))
    parser.add_argument("--rounds", type=int, default=1, help="patients of each protocol")
    chosen = parser.parse_args()
    statuses = [
        run(name, number)
        for number in range(chosen.rounds)
        for name in chosen.protocols
        if name != "wrist" or not number
    ]
    raise SystemExit(max(statuses))


if __name__ == "__main__":
    main()
