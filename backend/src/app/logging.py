"""Logging as one JSON object a line, including the logs of libraries."""

import json
import logging
import sys
from typing import Literal

import structlog

_encode = json.JSONEncoder(default=repr).encode


def _json(event: object, **_: object) -> str:
    return _encode(event)


class _Lines:
    """Writes the server's own events without `logging`, which takes half the time of a line."""

    def __init__(self, name: str) -> None:
        self.name = name

    def msg(self, line: str) -> None:
        """Write a line at once."""
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    debug = info = warning = error = critical = msg


def configure(level: str, form: Literal["json", "console"]) -> None:
    """Send structlog's and the standard library's logs to standard output in one format.

    Args:
        level: the least severe level to write.
        form: "json" for machines, "console" for a terminal.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    rendering: list[structlog.typing.Processor]
    if form == "json":
        # Tracebacks omit the values of variables, which may be secret.
        rendering = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_json)]
    else:
        rendering = [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    structlog.configure(
        processors=[*shared, *rendering],
        logger_factory=_Lines,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    # What no line contains, and what takes time to find out for each.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    # app.requests logs each request once, with its id. These loggers would also log query strings.
    for name in ("uvicorn.access", "httpx2", "httpcore2", "mcp"):
        logging.getLogger(name).setLevel(logging.WARNING)
