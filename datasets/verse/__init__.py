"""The VerSe collection of vertebra-labelled CTs, as its authors publish it by subject.

::

    folder/**/*training*|*validation*|*test*/rawdata/SUBJECT/STEM_ct.nii.gz
    folder/**/(the same)/derivatives/SUBJECT/STEM_seg-vert_msk.nii.gz
    folder/**/(the same)/derivatives/SUBJECT/STEM_seg-subreg_ctd.json

as in ``dataset-verse19training`` and ``01_training``; ``STEM`` starts with the subject and is the patient's id. CTs of
the older challenge layout (``_seg.nii.gz``, ``_iso-ctd.json``) are not read. A CT without a mask is no patient.

The centroid file is a list: ``{"direction": [...]}``, towards which side of the patient each axis of its coordinates
runs, then ``{"label": n, "X": x, "Y": y, "Z": z}`` in voxels. Coordinates are taken as voxel indices counted from zero
(the description does not state it); where the directions differ from the mask's, axes are swapped and turned
accordingly.
"""

from bench.contract import Card

from .dataset import Verse
from .miniature import miniature

__all__ = ["card", "miniature", "plugin"]

plugin = Verse
card = Card(
    title="VerSe: CTs with labelled vertebrae",
    source="VerSe 2019 and 2020, published by subject (rawdata, derivatives)",
    citation="Sekuboyina et al., VerSe: A Vertebrae Labelling and Segmentation Benchmark, Med Image Anal 73, 2021",
    licence="CC BY-SA 4.0 (the data; they are not shipped)",
    deviations=(
        "Written from the published description and tried on one mask with its centroids; not tested on a CT of VerSe.",
        "Sacrum, ribs and pelvis are not labelled, so content 'bone' holds vertebrae alone.",
        "Vertebrae that the field of view cuts are mostly not labelled.",
    ),
)
