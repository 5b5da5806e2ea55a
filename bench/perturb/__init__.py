"""Laws of start and target, drawn once, recorded, replayed."""

from bench.perturb.draw import Draw as Draw
from bench.perturb.draw import DrawError as DrawError
from bench.perturb.draw import Stage as Stage
from bench.perturb.draw import StartLaw as StartLaw
from bench.perturb.draw import draw_case as draw_case
from bench.perturb.gold import GoldLaw as GoldLaw
from bench.perturb.gold import GoldLawError as GoldLawError
from bench.perturb.laws import Around as Around
from bench.perturb.laws import Law as Law
from bench.perturb.laws import ours_from_sopi as ours_from_sopi
from bench.perturb.neighbours import NeighbourError as NeighbourError
from bench.perturb.neighbours import NeighbourLaw as NeighbourLaw
from bench.perturb.neighbours import neighbour_motions as neighbour_motions
from bench.perturb.seeds import generator as generator
from bench.perturb.seeds import salted_seed as salted_seed
from bench.perturb.told import nominal_frame as nominal_frame
from bench.perturb.told import told_draws as told_draws
from bench.perturb.told import told_frame as told_frame
