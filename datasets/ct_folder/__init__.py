"""The user's own CTs as a population: every CT as it is, and deformed, denser or sparser variants of it.

Files. ``folder`` holds CTs at any depth: image files (``.nii``, ``.nii.gz``, ``.mha``, ``.mhd``, ``.nrrd``) and folders
of DICOM slices, one series each. The label map of ``NAME.nii.gz`` or of the DICOM folder ``NAME`` lies beside it as
``NAME_labels`` (or ``_label``, ``_mask``, ``_seg``, ``_segmentation``) with any of those endings, on the CT's grid, in
the numbering that ``label_scheme`` names. A CT that lies in a folder of its own within ``folder`` shares its split with
all of that folder.
"""

from bench.contract import Card

from .dataset import CtFolder
from .miniature import miniature

__all__ = ["card", "miniature", "plugin"]

plugin = CtFolder

card = Card(
    title="A folder of the user's CTs, with deformed variants",
    source="ours; deformation by cubic B-splines on a control grid (Rueckert et al., IEEE TMI 18(8), 1999)",
    citation="none: cite the source of the CTs",
    licence="that of the CTs; the files are read where they lie",
    deviations=(
        "Files: NAME.nii.gz (.nii, .mha, .mhd, .nrrd) or a folder NAME of DICOM slices, at any depth; its label map "
        "lies beside it as NAME_labels (or _label, _mask, _seg, _segmentation), on its grid. Other images are taken "
        "for CTs.",
        "Variant 0 of a CT is the CT itself; variants of one CT never straddle splits.",
        "Which split a CT falls into follows from a hash of its name (60, 20, 20 %), or from the names that are given.",
        "Two files of one patient under different names, outside a folder of their own, are taken for two patients.",
        "Rigid vertebrae: each labelled vertebra and the sacrum move by the rigid motion nearest to the deformation; "
        "where facets all but touch, the motions of both run over into one another within half a millimetre.",
        "Where that would fold, the whole deformation is made smaller, by a fifth at a time, down to a fifth.",
        "A variant has no noise of its own: it carries its CT's, warped.",
        "The density change scales all that is denser than 100 HU, contrast medium and calcified vessels too.",
    ),
)
