"""The projector: one function, its kernels, and an exact reference."""

from bench.drr.attenuation import AttenuationError as AttenuationError
from bench.drr.attenuation import AttenuationMap as AttenuationMap
from bench.drr.autograd import project_differentiable as project_differentiable
from bench.drr.count import rendered as rendered
from bench.drr.features import project_features as project_features
from bench.drr.project import KERNELS as KERNELS
from bench.drr.project import project as project
from bench.drr.project import project_with_jacobian as project_with_jacobian
from bench.drr.rays import ProjectionError as ProjectionError
from bench.drr.siddon import project_siddon as project_siddon
from bench.drr.siddon import project_siddon_pair as project_siddon_pair
