"""Who a patient is: sex, age, build, dimensions of the vertebrae, posture of the spine, fractures."""
