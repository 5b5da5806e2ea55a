"""Options of a patient; everything else follows from its seed."""

from dataclasses import dataclass

from .population import PhantomError

IMPLANTS = ("none", "screws", "cement", "hip")


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientOptions:
    """Options of one patient.

    Attributes:
        size: Voxels along each edge of the cube, 16 to 512.
        spacing_mm: Edge of a voxel, 0.7 to 8 mm; those of scanners are 0.7 to 3.
        fractures: Whether vertebrae may be fractured, as in a population.
        implants: ``none``, ``screws`` (two or three lumbar levels with rods), ``cement`` (in one or two bodies) or
            ``hip`` (of one side; inside the grid only where that reaches 250 mm below L3).
        scanner: Whether the scanner's blur, noise and table are added.
    """

    size: int = 128
    spacing_mm: float = 2.0
    fractures: bool = True
    implants: str = "none"
    scanner: bool = True

    def __post_init__(self) -> None:
        if not 16 <= self.size <= 512:
            raise PhantomError(f"size must be 16 to 512 voxels; got {self.size}")
        if not 0.7 <= self.spacing_mm <= 8:
            raise PhantomError(f"spacing_mm must be 0.7 to 8; got {self.spacing_mm}")
        if self.implants not in IMPLANTS:
            raise PhantomError(f"implants must be one of {', '.join(IMPLANTS)}; got {self.implants!r}")
