"""GROUND floor, numpy only: the task, the grid, the panel, the forecast, the artifact's metadata, the scores."""
