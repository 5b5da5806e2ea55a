"""Shared by image similarities: the contract, input checks, image derivatives; the similarities are plug-ins."""

from bench.similarity.base import Similarity as Similarity
from bench.similarity.base import SimilarityError as SimilarityError
from bench.similarity.load import similarity as similarity
