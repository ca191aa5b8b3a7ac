"""Prometheus metrics of this process."""

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)


class Metrics:
    """The metrics of one application."""

    content_type = CONTENT_TYPE_LATEST

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

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a completed request."""
        key = (method, route, status)
        if (series := self._series.get(key)) is None:
            counter = self._requests.labels(method, route, str(status))
            series = self._series[key] = counter, self._duration.labels(method, route)
        counter, duration = series
        counter.inc()
        duration.observe(seconds)

    def exposition(self) -> bytes:
        """Return all metrics in the Prometheus text format."""
        return generate_latest(self._registry)
