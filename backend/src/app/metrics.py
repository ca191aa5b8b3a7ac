"""Prometheus metrics of this process."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
)
from prometheus_client.exposition import choose_encoder


class Metrics:
    """The metrics of one application."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "http_requests",
            "Requests answered, by the route's pattern.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._duration = Histogram(
            "http_request_duration_seconds",
            "Time until the last byte of an answer.",
            ("method", "route"),
            registry=self._registry,
        )
        # Finding a series by its labels takes longer than counting.
        self._series: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self.in_flight = Gauge("http_requests_in_flight", "Requests being answered.", registry=self._registry)
        self.refused = Counter(
            "http_requests_refused", "Requests above the capacity of the server.", registry=self._registry
        )

    def observe(self, method: str, route: str, status: int, seconds: float, trace_id: str = "") -> None:
        """Count a completed request. Its trace becomes the exemplar of its duration."""
        key = (method, route, status)
        if (series := self._series.get(key)) is None:
            counter = self._requests.labels(method, route, str(status))
            series = self._series[key] = counter, self._duration.labels(method, route)
        counter, duration = series
        counter.inc()
        duration.observe(seconds, {"trace_id": trace_id} if trace_id else None)

    def exposition(self, accepted: str = "") -> tuple[bytes, str]:
        """Return all metrics and their content type: the accepted one, of which OpenMetrics has exemplars."""
        generate, content_type = choose_encoder(accepted)
        return generate(self._registry), content_type
