"""From a million transactions in Parquet to the panel: time and peak memory, in a fresh process.

python benchmarks/read.py
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from peer import ONE_THREAD, ROUNDS, data

FILE = "online_retail_ii/online_retail_II.parquet"


def megabytes() -> float:
    """Of the process, at its peak so far."""
    status = Path("/proc/self/status").read_text()  # ru_maxrss would count the parent's memory too
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def read() -> dict[str, float]:
    """The source, columns and settings of configs/online_retail.yaml."""
    from loopcast.data.files import ParquetFile
    from loopcast.data.reading import configured

    where = [["Quantity", ">", 0], ["Price", ">", 0], ["StockCode", "match", "[0-9]{5}.*"]]
    reading = configured(
        {
            "source": ParquetFile(str(data(FILE)), where),
            "series": ["StockCode"],
            "time": "InvoiceDate",
            "target": "Quantity",
            "frequency": "W-SUN",
            "aggregate": "sum",
            "gaps": "zero",
            "horizon": 8,
        }
    )
    before, cpu, wall = megabytes(), time.process_time(), time.perf_counter()
    rows = reading.rows()
    panel = reading.panel(rows, reading.task(rows))
    return {
        "cpu": time.process_time() - cpu,
        "wall": time.perf_counter() - wall,
        "before": before,
        "peak": megabytes(),
        "rows": len(rows["InvoiceDate"]),
        "series": len(panel),
    }


def by_hand() -> dict[str, float]:
    """What one would write in pandas: filter, weeks, one row a series and week, zeros between."""
    import pandas as pd

    before, cpu, wall = megabytes(), time.process_time(), time.perf_counter()
    columns = ["StockCode", "InvoiceDate", "Quantity", "Price"]
    frame = pd.read_parquet(data(FILE), columns=columns)
    kept = (frame["Quantity"] > 0) & (frame["Price"] > 0)
    frame = frame[kept & frame["StockCode"].str.fullmatch("[0-9]{5}.*")]
    weeks = frame["InvoiceDate"].dt.to_period("W-SUN")
    sums = frame.groupby(["StockCode", weeks])["Quantity"].sum().unstack(fill_value=0)
    return {
        "cpu": time.process_time() - cpu,
        "wall": time.perf_counter() - wall,
        "before": before,
        "peak": megabytes(),
        "rows": len(frame),
        "series": len(sums),
    }


def main() -> None:
    """The row of the table, and pandas beside it, in turns."""
    if len(sys.argv) > 1:
        print(json.dumps({"read": read, "by_hand": by_hand}[sys.argv[1]]()))
        return
    found: dict[str, list[dict[str, float]]] = {"read": [], "by_hand": []}
    for _ in range(ROUNDS):
        for name, results in found.items():
            command = [sys.executable, str(Path(__file__)), name]
            done = subprocess.run(
                command, capture_output=True, check=True, env={**os.environ, **ONE_THREAD}
            )
            results.append(json.loads(done.stdout.splitlines()[-1]))
    for name, results in found.items():
        least = {key: min(result[key] for result in results) for key in results[0]}
        print(
            f"{name}: {least['cpu']:.2f} s CPU ({least['wall']:.2f} s wall), peak"
            f" {least['peak']:.0f} MB ({least['before']:.0f} MB of it after the imports);"
            f" {least['rows']:,} rows kept, {least['series']:,} series"
        )


if __name__ == "__main__":
    main()
