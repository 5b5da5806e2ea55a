"""Start of a method's process: forked from a server that has imported the engine and holds nothing of a run.

A fork of the harness itself would inherit the truth, and would hang after a parallel kernel. The server is a fresh
interpreter that imports and does nothing else. Importing torch and the engine takes seconds: once for all rows.
"""

import multiprocessing
import os
from collections.abc import Mapping
from functools import cache
from multiprocessing.context import ForkServerContext, SpawnContext

# The last one is what a child of the command imports as its main module.
_IMPORTED = ("bench.run.worker", "bench.register", "bench.learn", "bench.cli.main")
# pytest names the current test in the environment.
_UNREAD = "PYTEST_"


def process_context() -> ForkServerContext | SpawnContext:
    """The server, or a fresh interpreter where the environment has changed since the server started.

    Libraries read variables when they are imported, the registry the user's plug-in folders. Call it where the
    environment is already that of the process to be started.
    """
    return _server() if _environment() == _environment_of_server() else multiprocessing.get_context("spawn")


@cache
def _server() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_IMPORTED))
    return context


@cache
def _environment_of_server() -> Mapping[str, str]:
    """That of the first call: the server starts with it."""
    return _environment()


def _environment() -> Mapping[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(_UNREAD)}
