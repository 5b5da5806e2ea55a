"""Ljubljana: cerebral angiograms of ten patients, frontal and lateral, with 3D-DSA and a gold standard from markers.

Read from the HDF5 conversion that DiffDRR's author made of it (``ljubljana.h5``), not from the original files::

    subjectNN/volume/{pixels, spacing, origin}       3D-DSA, pixels by (x, y, z)
    subjectNN/points                                 (n, 3) points on the vessels, mm
    subjectNN/proj-ap, proj-lat (and -max)/{pixels, intrinsic, extrinsic, col-spacing, row-spacing}

Frames, as far as the code that reads this conversion shows them (eigenvivek/DiffPose and DiffDRR-Datasets): a point p
is seen at ``intrinsic @ extrinsic @ p``, in a projective frame like DeepFluoro's (negative focal lengths, z towards the
source). Voxel (i, j, k) of n_x x n_y x n_z lies at ``origin + spacing * (n_x - 1 - i, j, k)``; that world is taken for
RAS, as in the author's own export to NIfTI, and turned into LPS here. Pixels count from 0 at their centres.

Images are subtracted angiograms, dark vessels on an even background. The background is the median; an image is the
relative drop below it, max(0, (background - pixel) / background). The volume's numbers are not HU; HU = number - 1000
from the threshold on, so that vessels attenuate in proportion to their number and the rest not at all. Both scales are
arbitrary: similarities that ignore gain are needed.
"""

from bench.contract import Card

from .dataset import Ljubljana
from .miniature import miniature

__all__ = ["card", "miniature", "plugin"]

plugin = Ljubljana
card = Card(
    title="Ljubljana: cerebral angiograms of ten patients with a gold standard from markers",
    source="3D-2D-GS-CA, lit.fe.uni-lj.si (resources); read from the HDF5 conversion of DiffDRR's author, ljubljana.h5",
    citation="Mitrović et al., 3D-2D registration of cerebral angiograms, IEEE TMI 32(8), 2013",
    licence="its authors' terms of use, to be requested on their page (the data are not shipped)",
    deviations=(
        "Written from public code that reads the conversion, tried on files of that structure; not tested on the data.",
        "The original files are not read.",
        "World is taken for RAS, as in the conversion author's export to NIfTI.",
        "The principal point is taken to count pixels from their centres; half a pixel is 0.08 mm.",
        "Images are the relative drop below the ground instead of DiffDRR's logarithm of a shifted image.",
        "The gold standard has an uncertainty that the file does not state.",
    ),
)
