"""Second floor, numpy: accuracy, drift and calibration of what was forecast. Imports core, serving, store."""
