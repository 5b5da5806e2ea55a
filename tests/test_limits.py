"""What the harness keeps from the processes of methods."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# As another user than root, who may read everything.
HIDDEN = """
import os, subprocess, sys
from bench.run.limits import hide
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
hide()
done = subprocess.run(["/bin/cat", f"/proc/{os.getpid()}/environ"], capture_output=True)
sys.exit(0 if b"ermission denied" in done.stderr and not done.stdout else 1)
"""
INTERRUPTED = """
import os, signal, subprocess, sys
from bench.interrupts import without_interrupt
with without_interrupt():
    code = "import time; print('up', flush=True); time.sleep(1)"
    child = subprocess.Popen([sys.executable, "-S", "-c", code], stdout=-1)
child.stdout.readline()
child.send_signal(signal.SIGINT)
sys.exit(child.wait())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is of Linux")
def test_the_harness_cannot_be_read_through_proc() -> None:
    done = subprocess.run([sys.executable, "-c", HIDDEN], cwd=ROOT, env=_environment(), check=False)
    assert done.returncode == 0


def test_an_interrupt_does_not_reach_a_process_that_is_being_started() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], cwd=ROOT, env=_environment(), check=False)
    assert done.returncode == 0


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}
