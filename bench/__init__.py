"""Benchmark of rigid 2D/3D registration: one protocol, every method, identical recorded cases.

Import the packages by name (``bench.geometry``, ``bench.drr``, ...); this file only sets the thread behaviour that
must stand before torch or numba is imported.
"""

import os

# Spinning OpenMP threads slow down those of another library in the process (numba, torch): threads must sleep.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("NUMBA_THREADING_LAYER", "omp")
