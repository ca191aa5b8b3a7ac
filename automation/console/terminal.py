"""Steps on a terminal: running ones with a spinner and counting seconds, done ones as lines that stay."""

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
    Result,
    StepFailed,
    StepFinished,
    StepProgress,
    StepStarted,
    StepStopped,
)
from automation.console.output import INDENT, NAME_WIDTH, Console, explanation, marks
from automation.settings import Settings

_WIDEST = 100
_DIFFERENCE = (("+++", "bold"), ("---", "bold"), ("@@", "cyan"), ("+", "green"), ("-", "red"))
_SERVICE_COLORS = {"backend": "cyan", "frontend": "magenta"}


class _Running:
    """A step that is being done."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.began = time.monotonic()
        self.progress = StepProgress(name, "")
        self.spinner = Spinner("dots")


class TerminalConsole(Console):
    """Shows what runs now below what is done. NO_COLOR leaves the motion and takes the colour."""

    def __init__(self, output: TextIO, settings: Settings) -> None:
        """Draw on this terminal."""
        super().__init__()
        self._rich = RichConsole(
            file=output,
            no_color=settings.no_color,
            force_terminal=True if settings.force_color else None,
            highlight=False,
            markup=False,
            emoji=False,
        )
        self._marks = marks(output)
        self._running: dict[str, _Running] = {}
        self._live: Live | None = None

    def __rich_console__(self, console: RichConsole, options: ConsoleOptions) -> RenderResult:
        """Draw the steps that run, as of now."""
        for running in tuple(self._running.values()):
            progress, seconds = running.progress, time.monotonic() - running.began
            bar = _bar(progress.done or 0, progress.total) if progress.total else Text()
            detail = Text.assemble(
                bar, "  " if bar else "", (progress.detail, "dim"), overflow="ellipsis", no_wrap=True
            )
            yield self._row(running.spinner.render(console.get_time()), running.name, detail, seconds)

    def _show(self, event: Event) -> None:
        done, failed, stopped = self._marks
        match event:
            case StepStarted(step):
                self._running[step] = _Running(step)
                self._draw()
            case StepProgress(step):
                if step in self._running:
                    self._running[step].progress = event
            case StepFinished(step, detail, seconds):
                self._end(step)
                self._rich.print(self._row(Text(done, "green"), step, Text(detail), seconds))
            case StepStopped(step, seconds):
                self._end(step)
                self._rich.print(self._row(Text(stopped, "dim"), step, Text("stopped", "dim"), seconds))
            case StepFailed(step, seconds, what):
                self._end(step)
                self._rich.print(self._row(Text(failed, "bold red"), step, Text(what, "bold"), seconds))
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
                    style = next((each for start, each in _DIFFERENCE if line.startswith(start)), "")
                    self._rich.print(Text(f"  {line}", style), soft_wrap=True)
            case Result():
                pass

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

    def _end(self, step: str) -> None:
        self._running.pop(step, None)
        if not self._running:
            self.close()

    def close(self) -> None:
        """Take the running steps off the screen."""
        if self._live is not None:
            self._live.stop()
            self._live = None


def _bar(done: int, total: int) -> Text:
    filled = round(12 * min(done, total) / total)
    return Text.assemble(("━" * filled, "green"), ("━" * (12 - filled), "dim"), f" {done} of {total}")
