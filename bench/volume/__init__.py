"""CT volumes: reading and orienting files, labels, regions of interest, landmarks, HU to attenuation."""

from bench.volume.volume import AttenuationLaw as AttenuationLaw
from bench.volume.volume import FloatGrid as FloatGrid
from bench.volume.volume import LabelGrid as LabelGrid
from bench.volume.volume import MaskGrid as MaskGrid
from bench.volume.volume import Volume as Volume
from bench.volume.volume import VolumeError as VolumeError
