"""How good the stated geometry of the head's portal images is, by the answers of several methods."""
