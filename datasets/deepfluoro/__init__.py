"""DeepFluoro: fluoroscopy of six cadaveric hips with their CTs, labels, landmarks and poses, as its authors publish it.

One HDF5 file, ``ipcai_2020_full_res_data.h5``::

    proj-params/{intrinsic, extrinsic, num-cols, num-rows, pixel-col-spacing}
    SPECIMEN/vol/{pixels, spacing, origin, dir-mat}             CT; pixels by (slice, row, column), the rest (x, y, z)
    SPECIMEN/vol-seg/image/{the same}                           labels, see the scheme ``deepfluoro``
    SPECIMEN/vol-landmarks/NAME                                 LPS mm
    SPECIMEN/projections/NNN/image/pixels                       intensities, (rows, columns)
    SPECIMEN/projections/NNN/gt-poses/cam-to-BONE-vol           and, for femurs, SIDE-femur-good-fov
    SPECIMEN/projections/NNN/gt-landmarks/NAME                  (column, row) in the stored array
    SPECIMEN/projections/NNN/rot-180-for-up

Preprocessing as in the paper: 50 pixels are cut from each border (the collimator's shadow), the logarithm is taken,
and images are turned so that the patient's head is up. Frames are in ``bench.geometry.converters.deepfluoro``; stored
images look from the detector, so ours are mirrored.

Labels that do not move with the bone asked for are set to 0, so that content ``bone`` is one rigid object: for the
pelvis both halves, sacrum and vertebrae, as its authors register it.

Every projection is checked before it is returned: the landmarks of the CT, projected by the pose that was read, must
lie where the file's own landmarks are in the image.
"""

from bench.contract import Card

from .dataset import DeepFluoro
from .miniature import miniature

__all__ = ["card", "miniature", "plugin"]

plugin = DeepFluoro
card = Card(
    title="DeepFluoro: fluoroscopy of six hips with CT, labels, landmarks and reference poses",
    source="ipcai_2020_full_res_data.h5, doi 10.7281/T1/IFSXNV; layout: rg2/DeepFluoroLabeling-IPCAI2020",
    citation="Grupp et al., Automatic annotation of hip anatomy in fluoroscopy..., IJCARS 15, 2020",
    licence="CC BY-NC 4.0 (the data; they are not shipped)",
    deviations=(
        "Written from the published description and tried on files of the same structure; not tested on the data set.",
        "Reference poses are registrations of its authors: call a small distance agreement, not accuracy.",
        "Images are mirrored against the stored ones: ours look from the source, theirs from the detector.",
        "The paper reduces images by 8; binning is 4 unless the settings state otherwise, and precedes the logarithm.",
        "Vertebrae count as moving with the pelvis, as in its authors' registrations.",
        "Landmarks are the pelvis's; for a femur only the femoral heads move with it.",
        "All specimens are test patients; the paper leaves one out at a time (settings train and validation).",
    ),
)
