"""SECOND floor, no torch: what a run is worth, as numbers and as pictures."""
