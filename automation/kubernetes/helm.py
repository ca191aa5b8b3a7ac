"""Talking to Helm through its command line; versions 3 and 4 are both taken."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from automation.kubernetes.kubectl import ClusterError, ClusterUnavailableError, explain
from automation.process import programs
from automation.process.programs import Program
from automation.settings import Settings

PATIENCE_S = 60.0
"""Seconds that a command may take: none of them waits for pods."""

_OWN = ("another operation (install/upgrade/rollback) is in progress",)


@dataclass(frozen=True)
class Revision:
    """One revision of a release."""

    number: int
    status: str
    """As Helm names it: deployed, superseded, failed, pending-upgrade, …"""
    description: str
    chart: str = ""
    """The chart with its version, as in todo-chatbot-chart-1.0.0."""


@dataclass(frozen=True)
class Helm:
    """The program, and the release it works on."""

    program: Program
    context: str
    namespace: str
    release: str

    @classmethod
    def find(cls, settings: Settings, *, context: str = "", namespace: str = "", release: str = "") -> Self:
        """Return Helm as PATH has it. Raises ClusterUnavailableError when it has none."""
        program = programs.find("helm", settings.environ, settings.root)
        if program is None:
            raise ClusterUnavailableError(
                "Helm is not installed",
                why="there is no program helm on PATH",
                remedies=["install it as https://helm.sh/docs/intro/install/ says"],
            )
        return cls(program, context, namespace, release)

    async def run(self, *arguments: str, stdin: str = "") -> str:
        """Return what a command printed. Raises ClusterError when it fails."""
        where = [f"--kube-context={self.context}"] if self.context else []
        where += [f"--namespace={self.namespace}"] if self.namespace else []
        try:
            done = await self.program.complete(*where, *arguments, stdin=stdin, seconds=PATIENCE_S)
        except TimeoutError:
            raise ClusterUnavailableError(
                f"helm {arguments[0]} took more than {PATIENCE_S:.0f} s", remedies=["kubectl cluster-info"]
            ) from None
        if done.code:
            # What is wrong with a chart, Helm says in its output.
            said = f"{done.output}\n{done.errors}"
            if any(words in said for words in _OWN):
                raise ClusterError(
                    f"another operation on the release {self.release} is in progress, or was killed",
                    remedies=[
                        f"helm history {self.release} --namespace {self.namespace}",
                        "invoke helm-uninstall",
                    ],
                )
            raise explain(said, f"helm {arguments[0]}", self.program.environ)
        return done.output

    async def upgrade(self, chart: Path, values: Sequence[str], *, stdin: str) -> int:
        """Install the release, or upgrade it, and return the number of the revision. Nothing is waited for.

        `values` are Helm's own flags, each file or setting winning over those before it; `stdin` is a
        document of values that comes before them all. Raises ClusterError.
        """
        text = await self.run(
            "upgrade", self.release, str(chart), "--install", "--reset-values", "--history-max=10",
            "--values=-", *values, "--output=json", stdin=stdin,
        )  # fmt: skip
        return int(json.loads(text)["version"])

    async def history(self) -> tuple[Revision, ...]:
        """Return the revisions of the release, the oldest first; none when it is not installed."""
        try:
            text = await self.run("history", self.release, "--output=json")
        except ClusterError as error:
            if isinstance(error, ClusterUnavailableError) or "not found" not in " ".join(
                (error.why, *error.details)
            ):
                raise
            return ()
        return tuple(
            Revision(
                int(each["revision"]),
                str(each["status"]),
                str(each.get("description", "")),
                str(each.get("chart", "")),
            )
            for each in json.loads(text)
        )

    async def rollback(self, revision: int) -> None:
        """Go back to a revision. Nothing is waited for. Raises ClusterError."""
        await self.run("rollback", self.release, str(revision))

    async def uninstall(self) -> None:
        """Remove the release. Raises ClusterError."""
        await self.run("uninstall", self.release, "--ignore-not-found")

    async def values(self) -> dict[str, Any]:
        """Return the values that the release was given. Raises ClusterError."""
        return dict(json.loads(await self.run("get", "values", self.release, "--output=json")) or {})
