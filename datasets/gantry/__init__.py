"""X-rays of one CT at known gantry angles of a treatment machine.

::

    folder/ct.nii.gz           the CT, Hounsfield units
    folder/epid_g+20.png       one portal image an angle, air bright, as seen from the source
    folder/truth.json          camera_from_iso (4x4 by gantry angle), iso_from_ct_mm (4x4), K (3x3), sdd_mm,
                               A_to_B.mtre_mm (the uncertainty of iso_from_ct_mm)

``camera_from_iso`` is the machine's own: gantry encoder and distances. ``iso_from_ct_mm``, where the object lay at the
isocentre, was found by registration.
"""

from bench.contract import Card

from .dataset import Gantry
from .miniature import miniature

__all__ = ["card", "miniature", "plugin"]

plugin = Gantry
card = Card(
    title="A head phantom: CT and megavolt X-rays at known gantry angles",
    source="Tomosynthesis-Toolkit, Demo Data: github.com/viksarkar/Tomosynthesis-Toolkit at 6f67b6b",
    citation="Sarkar, Shi, Papanikolaou, Australas Phys Eng Sci Med 34 (2011) 5-13",
    licence="MIT (the head phantom); otherwise that of the folder's data",
    deviations=(
        "The relative pose of two views is stated by the machine (gantry encoder, nominal distances), made "
        "without any registration: mutual turns of single-view answers are a truth to measure against. Nothing of it "
        "is corrected. Single-view answers of three methods differ from the reference by a shift of -0.7 to 1.0 mm and "
        "a roll of -0.4 to 0.5 degrees that follow the gantry angle from -20 to 20 degrees, and lie 4 to 8 mm nearer "
        "to the source. A position 1.5 mm farther, a focal length 0.7 % longer and a principal point 22 to 47 pixels "
        "nearer to the crown explain it (studies/gantry): the geometry is good to 1 mm and 0.5 degrees in plane and to "
        "8 mm in depth.",
        "The machine does not state the phantom's position: the reference pose is a registration with a ray caster "
        "of other code, on two disjoint sets of views that agree to 0.26 mm in plane, 1.2 mm in depth and 0.28 "
        "degrees. Distances to it are agreement; below 0.5 mm in plane and 1.5 mm in depth they are ties.",
        "6 MV: bone has little contrast, so the body is the content to register. Attenuation of the CT is that at "
        "kilovolts: gains are arbitrary.",
        "Portal images of 8 bits; head rest and table lie in the field.",
        "A phantom, no patient: every split answers with it, so nothing may be trained or tuned on it and then tested.",
    ),
)
