"""The season of data without dates, from the autocorrelation of the train part."""

import numpy as np

from loopcast.core.panel import Panel

SAMPLE = 200
LONGEST = 400
THRESHOLD = 0.3


def detect(panel: Panel) -> int:
    """Steps of the strongest repetition in the median series, 1 where none is clear."""
    chosen = np.unique(np.linspace(0, len(panel) - 1, min(len(panel), SAMPLE)).astype(int))
    found = [_correlation(_series(panel, i)) for i in chosen]
    longest = int(np.median([len(f) for f in found])) if found else 0
    usable = [f[:longest] for f in found if len(f) >= longest > 3]
    if not usable:
        return 1
    median = np.nanmedian(np.array(usable), axis=0)
    inner = median[2:-1]
    peaks = np.flatnonzero((inner > median[1:-2]) & (inner >= median[3:]) & (inner > THRESHOLD)) + 2
    if not len(peaks):
        return 1
    strong = peaks[median[peaks] >= 0.9 * median[peaks].max()]
    return int(strong[0])


def _series(panel: Panel, i: int) -> np.ndarray:
    rows = panel.target[panel.offsets[i] : panel.offsets[i + 1]].astype(np.float64)
    steps = np.diff(rows)
    return np.nan_to_num(steps - np.nanmean(steps)) if np.isfinite(steps).any() else steps[:0]


def _correlation(values: np.ndarray) -> np.ndarray:
    """By lag from 0, as long as three repetitions fit."""
    longest = min(len(values) // 3, LONGEST)
    power = float(values @ values)
    if longest < 4 or power == 0:
        return np.zeros(0)
    size = 1 << (2 * len(values) - 1).bit_length()
    spectrum = np.abs(np.fft.rfft(values, size)) ** 2
    return np.fft.irfft(spectrum)[:longest] / power
