"""FIRST floor, torch: data engineering as modules of the one graph."""
