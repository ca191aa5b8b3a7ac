"""Helm 3 and 4: install, upgrade and roll back one release. No command waits for pods."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from automation.kubernetes import commands
from automation.kubernetes.commands import ClusterError
from automation.process import files
from automation.process.programs import Program
from automation.settings import Settings

TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class Revision:
    """One revision of a release."""

    number: int
    status: str
    """Helm's own word: deployed, superseded, failed, pending-upgrade, …"""
    description: str
    chart: str = ""
    """The chart with its version, as in todo-chatbot-chart-1.0.0."""


@dataclass(frozen=True)
class Helm:
    """The program with a context, a namespace and a release."""

    program: Program
    context: str
    namespace: str
    release: str

    @classmethod
    def find(cls, settings: Settings, *, context: str = "", namespace: str = "", release: str = "") -> Self:
        """Return Helm from PATH. Raises ClusterUnavailableError if it is not installed."""
        return cls(commands.find("helm", settings), context, namespace, release)

    async def run(self, *arguments: str, stdin: str = "") -> str:
        """Return the output of a command. Raises ClusterError if it fails."""
        where = [f"--kube-context={self.context}"] if self.context else []
        where += [f"--namespace={self.namespace}"] if self.namespace else []
        place = {"release": self.release, "namespace": self.namespace}
        return await commands.run(
            self.program, *where, *arguments, stdin=stdin, seconds=TIMEOUT_SECONDS, place=place
        )

    async def upgrade(self, chart: Path, values: Sequence[str], *, stdin: str) -> int:
        """Install or upgrade the release and return the number of the new revision.

        Args:
            chart: the chart's directory.
            values: Helm's flags for values; they override `stdin`.
            stdin: a document of values.
        """
        text = await self.run(
            "upgrade", self.release, str(chart), "--install", "--reset-values", "--history-max=10",
            "--values=-", *values, "--output=json", stdin=stdin,
        )  # fmt: skip
        return int(json.loads(text)["version"])

    async def history(self) -> tuple[Revision, ...]:
        """Return the revisions of the release, the oldest first; none if it is not installed."""
        try:
            text = await self.run("history", self.release, "--output=json")
        except ClusterError as error:
            if "release: not found" in error.details:
                return ()
            raise
        return tuple(
            Revision(
                int(revision["revision"]),
                str(revision["status"]),
                str(revision.get("description", "")),
                str(revision.get("chart", "")),
            )
            for revision in json.loads(text)
        )

    async def rollback(self, revision: int) -> None:
        """Roll back to a revision."""
        await self.run("rollback", self.release, str(revision))

    async def uninstall(self) -> None:
        """Remove the release if it is installed."""
        await self.run("uninstall", self.release, "--ignore-not-found")

    async def package(self, chart: Path, destination: Path) -> str:
        """Lint a chart, write its archive to a directory and return the archive's path."""
        await self.run("lint", "--strict", "--quiet", str(chart))
        files.make_directory(destination)
        text = await self.run("package", str(chart), "--destination", str(destination))
        return text.rpartition(":")[2].strip()
