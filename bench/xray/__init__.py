"""X-ray image formation beyond the line integral."""

from bench.xray.formation import Formation as Formation
from bench.xray.formation import FormationError as FormationError
from bench.xray.formation import Materials as Materials
from bench.xray.formation import form_image as form_image
from bench.xray.noise import photon_noise as photon_noise
