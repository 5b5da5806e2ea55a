"""The similarities of the benchmark; in a checkout they live in the top-level folder ``similarities/``."""

from bench.registry import search_path

__path__ = search_path(__file__)
