"""Processes of methods: forked from one server, which holds the engine and nothing of a run.

In a process of its own: the server starts with the environment of the first process that is asked for.
"""

import json
import os
import signal
import subprocess
import sys
import time
from functools import cache
from multiprocessing import get_context, util
from pathlib import Path
from typing import Any

from bench.run.limits import leave_no_folder

_SCRIPT = """
import json, os
from bench.run.processes import process_context

def ask(context):
    with context.Pool(1) as pool:
        names = pool.apply(eval, ("sorted(__import__('sys').modules)",))
        threads = pool.apply(os.getenv, ("OMP_NUM_THREADS",))
        return {"parent": pool.apply(os.getppid), "modules": names, "threads": threads}

first, second = ask(process_context()), ask(process_context())
os.environ["PYTEST_CURRENT_TEST"] = "another"
third = ask(process_context())
os.environ["OMP_NUM_THREADS"] = "7"
print(json.dumps({"own": os.getpid(), "same": [first, second, third], "changed": ask(process_context())}))
"""


@cache
def found() -> dict[str, Any]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True, env=environment)
    answers: dict[str, Any] = json.loads(ended.stdout)
    return answers


def test_processes_come_from_one_server_that_has_imported_the_engine_but_no_plug_in() -> None:
    answers = found()
    parents = {each["parent"] for each in answers["same"]}
    assert len(parents) == 1
    assert answers["own"] not in parents
    for each in answers["same"]:
        assert {"torch", "bench.run.worker"} <= set(each["modules"])
        # Folders of plug-ins are read when their packages are imported; cases and truths come from the others.
        assert not {"bench.methods", "bench.datasets", "bench.run.execute", "bench.cases.build"} & set(each["modules"])


def test_a_changed_environment_is_not_that_of_the_server() -> None:
    answers = found()
    assert {each["threads"] for each in answers["same"]} == {"1"}
    assert answers["changed"]["threads"] == "7"
    assert answers["changed"]["parent"] == answers["own"]


def _killed() -> None:
    leave_no_folder()
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_worker_leaves_its_parents_folder_of_sockets() -> None:
    """Two workers of one scheduler share it: when one was killed, the other could start no method."""
    folder = Path(util.get_temp_dir())
    child = get_context("spawn").Process(target=_killed)
    child.start()
    child.join()
    time.sleep(1.0)  # what would remove the folder needs some tenths of it
    assert child.exitcode == -signal.SIGKILL
    assert folder.is_dir()
