"""FIRST floor, torch: networks, one file each; they know nothing of training."""
