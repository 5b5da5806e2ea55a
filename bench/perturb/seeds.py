"""Seeds: one per purpose and case, from names, so that they do not depend on order and number of cases."""

import hashlib

import numpy as np


def salted_seed(seed: int, *names: str | int) -> int:
    """A 63-bit seed that depends on the protocol's seed and the names alone.

    SHA-256, so that the protocol's seed cannot be computed from a method's own.
    """
    text = "/".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """A separate random generator for one purpose."""
    return np.random.default_rng(salted_seed(seed, *names))
