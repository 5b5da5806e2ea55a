"""Ask/tell optimisers over plain vectors: budgets, bounds, traces. All minimise; none depends on images."""

from bench.optimise.cma import CmaEs as CmaEs
from bench.optimise.loop import BudgetError as BudgetError
from bench.optimise.loop import EvaluationBudget as EvaluationBudget
from bench.optimise.loop import Objective as Objective
from bench.optimise.loop import Optimum as Optimum
from bench.optimise.loop import minimise as minimise
from bench.optimise.optimiser import Box as Box
from bench.optimise.optimiser import BoxError as BoxError
from bench.optimise.optimiser import Optimiser as Optimiser
from bench.optimise.optimiser import Stop as Stop
from bench.optimise.optimiser import Vector as Vector
from bench.optimise.powell import Powell as Powell
