"""SECOND floor, lightning: windows, the forecaster, the command line, the export."""
