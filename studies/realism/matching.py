"""Which phantoms resemble one CT, by statistics that are measured before any registration.

The plain comparison sets the mean of a population beside one patient; phantoms that resemble this patient are a fairer
reference. The measures were chosen by reasoning, before any success rate of matched patients was known (those of
earlier generators' populations were), and are not tuned. Five properties that make one patient harder to register than
another have equal weights, which their measures share:

* **stoutness** (few photons pass, many of them are scatter): median line integral AP, share of fat;
* **bone** (contrast of the object): median and 95th percentile of its HU;
* **edges** (gradients anywhere in the image): median and 95th percentile gradient AP;
* **contrast** (of the spine against its neighbours): its share of its own path, its excess over its neighbours;
* **clutter** (edges that do not move with the bone, over those that do, near the spine).

Each measure is divided by its standard deviation over the pool; the distance is the root of the weighted sum of
squares: 1 where two patients differ by one standard deviation in everything. A Mahalanobis distance was not taken: with
nine measures and some fifty patients it would stretch directions in which the pool hardly varies.

Two measures depend on the boundary of the labels, which differs between a generator and an annotator: with the labels
of eight phantoms (of generator 4) grown by one voxel of 3 mm where that is above 150 HU (a quarter to two fifths more
voxels), bone's share of the path rises by 1.1 standard deviations and clutter falls by 0.5, the others change by 0.2 or
less. The resulting distance is 0.3 to 0.6; between two phantoms it is 1.4.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.errors import FluorobenchError
from bench.score.statistics import Floats
from studies.realism.ct_statistics import CLUTTER, CtStatistics

PROPERTIES: Mapping[str, tuple[str, ...]] = {
    "stoutness": ("line integral, median, AP", "fat, share of the body (%)"),
    "bone": ("bone, median (HU)", "bone, 95th percentile (HU)"),
    "edges": ("gradient, median, AP (1/mm)", "gradient, 95th percentile, AP (1/mm)"),
    "contrast": ("bone's share of the spine's path, AP (%)", "spine over its neighbours, AP (%)"),
    "clutter": (CLUTTER,),
}
COVARIATES: tuple[str, ...] = tuple(name for names in PROPERTIES.values() for name in names)
UNUSUAL = 0.95


class MatchingError(FluorobenchError):
    """A pool from which no patients can be matched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Covariate:
    """One measure on all sides.

    Attributes:
        name: With its unit.
        real: The CT's.
        mean: Of the pool.
        spread: Standard deviation over the pool (divisor n - 1).
        chosen: Mean of the chosen.
    """

    name: str
    real: float
    mean: float
    spread: float
    chosen: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """The patients of a pool that resemble the CT most, and whether they resemble it.

    Attributes:
        order: Ids of the pool, nearest to the CT first.
        distances: Of each to the CT.
        count: Number of matched patients: the first of ``order``.
        reach: Mean distance of the CT to the matched patients.
        own: The same mean distance for every phantom and its nearest other phantoms, ascending.
        covariates: The measures of the distance.
    """

    order: tuple[str, ...]
    distances: tuple[float, ...]
    count: int
    reach: float
    own: tuple[float, ...]
    covariates: tuple[Covariate, ...]

    @property
    def chosen(self) -> tuple[str, ...]:
        """Ids of the matched patients, nearest first."""
        return self.order[: self.count]

    @property
    def nearest(self) -> tuple[tuple[str, float], ...]:
        """The matched patients with their distances, nearest first."""
        return tuple(zip(self.chosen, self.distances[: self.count], strict=True))

    @property
    def percentile(self) -> float:
        """Share of the pool whose nearest neighbours are nearer than the CT's."""
        return float(np.mean(np.array(self.own) < self.reach))

    @property
    def resembled(self) -> bool:
        """Whether the CT is as near to its neighbours as most phantoms are."""
        return self.percentile <= UNUSUAL


def match(pool: Sequence[CtStatistics], real: CtStatistics, *, count: int) -> Matching:
    """Choose the ``count`` of a pool that are nearest to a CT; the order of the pool does not matter.

    Raises:
        MatchingError: Too few to choose from, a CT without one of the measures, or a pool that does not vary in it.
    """
    able = sorted((each for each in pool if np.isfinite(_measures(each)).all()), key=lambda each: each.patient_id)
    if not 0 < count < len(able):
        raise MatchingError(
            f"expected more than {count} phantoms to choose {count} from; got {len(able)}: enlarge --pool"
        )
    measures, own = np.stack([_measures(each) for each in able]), _measures(real)
    spread = measures.std(axis=0, ddof=1)
    _require(own, spread, real.patient_id)
    scale = np.sqrt(_weights()) / spread
    ours, theirs = measures * scale, own * scale
    distances = np.linalg.norm(ours - theirs, axis=1)
    nearest: list[int] = np.argsort(distances, kind="stable").tolist()
    chosen = nearest[:count]
    between = np.linalg.norm(ours[:, None] - ours[None], axis=2)
    # The first column is a phantom's distance to itself.
    company = np.sort(between, axis=1)[:, 1 : count + 1].mean(axis=1)
    sides = zip(COVARIATES, own, measures.mean(axis=0), spread, measures[chosen].mean(axis=0), strict=True)
    return Matching(
        order=tuple(able[index].patient_id for index in nearest),
        distances=tuple(float(distances[index]) for index in nearest),
        count=count,
        reach=float(distances[chosen].mean()),
        own=tuple(float(each) for each in np.sort(company)),
        covariates=tuple(
            Covariate(name=name, real=float(a), mean=float(b), spread=float(c), chosen=float(d))
            for name, a, b, c, d in sides
        ),
    )


def _measures(statistics: CtStatistics) -> Floats:
    return np.array([statistics.scalars[name] for name in COVARIATES], dtype=np.float64)


def _weights() -> Floats:
    """Of the squares, summing to one: equal for the properties, equal for the measures of a property."""
    return np.array([1 / len(PROPERTIES) / len(names) for names in PROPERTIES.values() for _ in names])


def _require(own: Floats, spread: Floats, name: str) -> None:
    for covariate, value, width in zip(COVARIATES, own, spread, strict=True):
        if not np.isfinite(value):
            raise MatchingError(f"{name}: {covariate} could not be measured; --pool 0 compares without matching")
        if not width > 0:
            raise MatchingError(f"{covariate} is the same in the whole pool; --pool 0 compares without matching")
