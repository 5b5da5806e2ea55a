"""Distributions of truth and start: drawn once from seeds, recorded, replayed."""

from bench.perturb.distribution import DistributionError as DistributionError
from bench.perturb.distribution import PoseDistribution as PoseDistribution
from bench.perturb.distribution import StartContext as StartContext
from bench.perturb.draw import Draw as Draw
from bench.perturb.draw import DrawError as DrawError
from bench.perturb.draw import SamplingConstraints as SamplingConstraints
from bench.perturb.draw import StartDistribution as StartDistribution
from bench.perturb.draw import draw_case as draw_case
from bench.perturb.mtre_start import MtreStartDistribution as MtreStartDistribution
from bench.perturb.mtre_start import MtreStartError as MtreStartError
from bench.perturb.neighbours import NeighbourError as NeighbourError
from bench.perturb.neighbours import NeighbourMotion as NeighbourMotion
from bench.perturb.neighbours import neighbour_motions as neighbour_motions
from bench.perturb.nominal import nominal_frame as nominal_frame
from bench.perturb.nominal import nominal_pose_generator as nominal_pose_generator
from bench.perturb.nominal import sample_nominal_pose as sample_nominal_pose
from bench.perturb.posterior import posterior_mean as posterior_mean
from bench.perturb.seeds import generator as generator
from bench.perturb.seeds import salted_seed as salted_seed
from bench.perturb.told import Told as Told
from bench.perturb.told import ToldError as ToldError
