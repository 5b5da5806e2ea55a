"""X-ray image formation beyond the line integral."""

from bench.xray.noise import photon_noise as photon_noise
