"""X-ray image formation beyond the line integral."""

from bench.xray.appearance import Appearance as Appearance
from bench.xray.appearance import AppearanceError as AppearanceError
from bench.xray.conditions import ImagingConditions as ImagingConditions
from bench.xray.formation import Formation as Formation
from bench.xray.formation import FormationError as FormationError
from bench.xray.formation import Materials as Materials
from bench.xray.formation import form_image as form_image
from bench.xray.low_dose import Degradation as Degradation
from bench.xray.low_dose import LowDose as LowDose
from bench.xray.low_dose import LowDoseError as LowDoseError
from bench.xray.noise import photon_noise as photon_noise
