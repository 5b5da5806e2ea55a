"""Calibration of the confidence and covariance that methods state."""
