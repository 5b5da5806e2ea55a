"""The person of a patient: sex, age, build, dimensions of the vertebrae, posture of the spine, fractures."""
