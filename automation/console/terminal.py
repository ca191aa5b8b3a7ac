"""Steps on a terminal: running ones with a spinner and counting seconds, complete ones as lines that stay."""

import time
from typing import TextIO

from rich.console import Console as RichConsole
from rich.console import ConsoleOptions, RenderableType, RenderResult
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from automation.console.events import (
    Difference,
    Event,
    Failed,
    Line,
    Notice,
    StepFailed,
    StepFinished,
    StepProgress,
    StepStarted,
    StepStopped,
)
from automation.console.output import INDENT, NAME_WIDTH, Console, explanation, marks
from automation.settings import Settings

_WIDEST = 100
_BAR_WIDTH = 12
_DIFFERENCE = (("+++", "bold"), ("---", "bold"), ("@@", "cyan"), ("+", "green"), ("-", "red"))
_SERVICE_COLORS = {"backend": "cyan", "frontend": "magenta"}


class TerminalConsole(Console):
    """Shows the running steps below what is complete. NO_COLOR keeps the motion without colour."""

    def __init__(self, output: TextIO, settings: Settings) -> None:
        super().__init__(output)
        self._rich = RichConsole(
            file=output,
            no_color=settings.no_color,
            force_terminal=True if settings.force_color else None,
            highlight=False,
            markup=False,
            emoji=False,
        )
        self._marks = marks(output)
        self._spinner = Spinner("dots")
        self._running: dict[str, tuple[float, StepProgress]] = {}
        """When each step began, and its latest progress."""
        self._live: Live | None = None

    def __rich_console__(self, console: RichConsole, options: ConsoleOptions) -> RenderResult:
        """Draw the running steps, as of now."""
        for name, (began, progress) in tuple(self._running.items()):
            parts = [_bar(progress.done or 0, progress.total)] if progress.total else []
            detail = Text("  ").join([*parts, Text(progress.detail, "dim")])
            detail.overflow, detail.no_wrap = "ellipsis", True
            yield self._row(self._spinner.render(console.get_time()), name, detail, time.monotonic() - began)

    def _show(self, event: Event) -> None:
        done, failed, stopped = self._marks
        match event:
            case StepStarted(step):
                self._running[step] = time.monotonic(), StepProgress(step, "")
                self._draw()
            case StepProgress(step):
                if step in self._running:
                    self._running[step] = self._running[step][0], event
            case StepFinished(step, detail, seconds):
                self._end(step, Text(done, "green"), Text(detail), seconds)
            case StepStopped(step, seconds):
                self._end(step, Text(stopped, "dim"), Text("stopped", "dim"), seconds)
            case StepFailed(step, seconds, what):
                self._end(step, Text(failed, "bold red"), Text(what, "bold"), seconds)
                self._explain(event, INDENT)
            case Failed(what):
                self._rich.print(Text.assemble("  ", (failed, "bold red"), " ", (what, "bold")))
                self._explain(event, "    ")
            case Line(source, text):
                prefix = Text(f"{source:<8} │ ", _SERVICE_COLORS.get(source, "dim"))
                self._rich.print(prefix + Text(text), soft_wrap=True)
            case Notice(lines):
                for line in lines:
                    self._rich.print(Text(f"  {line}" if line else ""), soft_wrap=True)
            case Difference(lines):
                for line in lines:
                    style = next((style for start, style in _DIFFERENCE if line.startswith(start)), "")
                    self._rich.print(Text(f"  {line}", style), soft_wrap=True)

    def _row(self, mark: RenderableType, name: str, detail: Text, seconds: float) -> Table:
        row = Table.grid(padding=(0, 1, 0, 0), pad_edge=False)
        row.width = min(self._rich.width - 1, _WIDEST)
        row.add_column(width=3, justify="right")
        row.add_column(width=NAME_WIDTH, no_wrap=True)
        row.add_column(ratio=1, overflow="fold")
        row.add_column(justify="right", no_wrap=True, min_width=7, style="dim")
        row.add_row(mark, Text(name), detail, Text(f"{seconds:.1f} s"))
        return row

    def _explain(self, event: StepFailed | Failed, indent: str) -> None:
        for line in explanation(event):
            style = "cyan" if line.startswith("try   ") else "dim"
            self._rich.print(Text(indent) + Text(line, style), soft_wrap=True)

    def _draw(self) -> None:
        if self._live is None:
            self._live = Live(
                self, console=self._rich, transient=True, refresh_per_second=10, redirect_stderr=False
            )
            self._live.start()

    def _end(self, step: str, mark: Text, detail: Text, seconds: float) -> None:
        self._running.pop(step, None)
        if not self._running:
            self.close()
        self._rich.print(self._row(mark, step, detail, seconds))

    def close(self) -> None:
        """Remove the running steps from the screen."""
        if self._live is not None:
            self._live.stop()
            self._live = None


def _bar(done: int, total: int) -> Text:
    filled = round(_BAR_WIDTH * min(done, total) / total)
    return Text.assemble(("━" * filled, "green"), ("━" * (_BAR_WIDTH - filled), "dim"), f" {done} of {total}")
