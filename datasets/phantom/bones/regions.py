"""Sub-regions of a vertebra: numbers of a second label map on the CT's grid, 0 outside the vertebrae."""

BODY, ARCH, ARTICULAR, TRANSVERSE, SPINOUS = 1, 2, 3, 4, 5
REGION_NAMES = {
    BODY: "body",
    ARCH: "pedicles and laminae",
    ARTICULAR: "articular processes",
    TRANSVERSE: "transverse processes",
    SPINOUS: "spinous process",
}
