"""Networks on real X-rays of a wrist: masked single-view networks and Deep-reg for the radius (see README.md)."""
