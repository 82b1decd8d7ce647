"""What Prometheus reads: counts and durations, never a series' key as a label."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
FINE = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
COUNTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096)
TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Meters:
    """One registry an application, so that two in one process do not meet."""

    def __init__(self) -> None:
        self._registry = own = CollectorRegistry()
        self.requests = Histogram(
            "http_server_request_duration_seconds", "Time to answer.",
            ("http_route", "http_request_method", "http_response_status_code"),
            buckets=SECONDS, registry=own,
        )  # fmt: skip
        self.active = Gauge("http_server_active_requests", "Requests at work.", registry=own)
        self.stages = Histogram(
            "loopcast_inference_duration_seconds", "Time of a forecast's stages.", ("stage",),
            buckets=FINE, registry=own,
        )  # fmt: skip
        self.stage = {
            name: self.stages.labels(name)
            for name in ("decode", "instance", "run", "ledger", "answer")
        }
        self.series = Counter("loopcast_series", "Series forecast.", registry=own)
        self.warnings = Counter("loopcast_series_warned", "Series with a warning.", registry=own)
        self.batch = Histogram(
            "loopcast_batch_rows", "Series in a request.", buckets=COUNTS, registry=own
        )
        self.groups = Histogram(
            "loopcast_ledger_group_answers", "Answers in one transaction of the ledger.",
            buckets=COUNTS, registry=own,
        )  # fmt: skip
        self.unkept = Counter(
            "loopcast_ledger_refused_answers", "Answers not given: the ledger would not take them.",
            registry=own,
        )  # fmt: skip
        self.actuals = Counter("loopcast_actuals", "New actual values.", registry=own)
        self.model = Gauge(
            "loopcast_model_info", "The version that serves.", ("model", "version", "sha256"),
            registry=own,
        )  # fmt: skip
        self.loaded = Gauge(
            "loopcast_model_loaded_timestamp_seconds", "When it was loaded.", registry=own
        )
        self.refused = Counter(
            "loopcast_model_refused", "Promoted versions that failed their self-test.", registry=own
        )
        self.reviews = Gauge("loopcast_review_queue_size", "Open questions.", registry=own)
        self._monitored(own)
        self.gain = Gauge(
            "loopcast_overrides_gain_ratio", "The model's WAPE minus that of overrides.",
            registry=own,
        )  # fmt: skip
        self.store_up = Gauge("loopcast_store_up", "1 while the ledger answers.", registry=own)

    def _monitored(self, own: CollectorRegistry) -> None:
        """Read from the store after each tick of `loopcast monitor`."""
        self.coverage = Gauge(
            "loopcast_coverage_ratio", "Share of actual values inside a range, of late.",
            ("level", "horizon_bucket"), registry=own,
        )  # fmt: skip
        self.scaled = Gauge(
            "loopcast_scaled_error", "Mean error in seasonal naive scales, of late.",
            ("metric", "horizon_bucket", "role"), registry=own,
        )  # fmt: skip
        self.drift = Gauge(
            "loopcast_drift_score", "The panel's tests at their last look, in deviations.",
            ("check",), registry=own,
        )  # fmt: skip
        self.lag = Gauge(
            "loopcast_actuals_lag_seconds", "From a step's end to its value, median.", registry=own
        )
        self.alarms = Gauge("loopcast_alarms_open", "Open alarms.", registry=own)
        self.ticked = Gauge(
            "loopcast_monitor_tick_timestamp_seconds", "Of monitoring's last tick.", registry=own
        )

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self._registry)
