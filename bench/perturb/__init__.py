"""Laws of start and target, drawn once, recorded, replayed."""

from bench.perturb.draw import Draw as Draw
from bench.perturb.draw import DrawError as DrawError
from bench.perturb.draw import SamplingConstraints as SamplingConstraints
from bench.perturb.draw import StartDistribution as StartDistribution
from bench.perturb.draw import draw_case as draw_case
from bench.perturb.gold import MtreStartDistribution as MtreStartDistribution
from bench.perturb.gold import MtreStartError as MtreStartError
from bench.perturb.laws import PoseDistribution as PoseDistribution
from bench.perturb.laws import StartContext as StartContext
from bench.perturb.laws import ours_from_sopi as ours_from_sopi
from bench.perturb.neighbours import NeighbourError as NeighbourError
from bench.perturb.neighbours import NeighbourMotion as NeighbourMotion
from bench.perturb.neighbours import neighbour_motions as neighbour_motions
from bench.perturb.seeds import generator as generator
from bench.perturb.seeds import salted_seed as salted_seed
from bench.perturb.told import nominal_frame as nominal_frame
from bench.perturb.told import nominal_pose_generator as nominal_pose_generator
from bench.perturb.told import sample_nominal_pose as sample_nominal_pose
