"""Shared by classical methods: pyramid, similarity of rendered and given views, coarse-to-fine search."""

from bench.register.objective import ViewObjective as ViewObjective
from bench.register.pyramid import LevelView as LevelView
from bench.register.pyramid import PyramidError as PyramidError
from bench.register.pyramid import bin_view as bin_view
from bench.register.pyramid import coarsened as coarsened
from bench.register.search import Level as Level
from bench.register.search import Prepared as Prepared
from bench.register.search import Search as Search
from bench.register.search import SearchError as SearchError
