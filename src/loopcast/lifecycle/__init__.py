"""ROOF: retrains, compares, promotes or keeps, goes back. Trains in a process of its own; no torch here."""
