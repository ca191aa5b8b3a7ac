"""kubectl: read, apply and watch objects of the current context."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Self

from automation.kubernetes import commands
from automation.process import processes
from automation.process.processes import Guarded
from automation.process.programs import Completed, Program
from automation.settings import Settings

FIELD_MANAGER = "todo"
"""The name under which the API server records who applied a field."""

# Keeps the explanation of an API server that does not answer under ten seconds.
_REQUEST_TIMEOUT = "--request-timeout=8s"


@dataclass(frozen=True)
class Kubectl:
    """The program with a context and a namespace."""

    program: Program
    context: str = ""
    """Defaults to the current context."""
    namespace: str = ""

    @classmethod
    def find(cls, settings: Settings, *, context: str = "", namespace: str = "") -> Self:
        """Return kubectl from PATH. Raises ClusterUnavailableError if it is not installed."""
        return cls(commands.find("kubectl", settings), context, namespace)

    def __str__(self) -> str:
        return " ".join(["kubectl", *(flag.replace("=", " ") for flag in self._flags)])

    @property
    def _flags(self) -> tuple[str, ...]:
        context = [f"--context={self.context}"] if self.context else []
        return (*context, *([f"--namespace={self.namespace}"] if self.namespace else []))

    async def complete(self, *arguments: str) -> Completed:
        """Run a short command and return its result, whatever the exit code."""
        return await commands.complete(self.program, *self._flags, _REQUEST_TIMEOUT, *arguments)

    async def run(self, *arguments: str, stdin: str = "") -> str:
        """Return the output of a short command. Raises ClusterError if it fails."""
        place = {"namespace": self.namespace}
        return await commands.run(
            self.program, *self._flags, _REQUEST_TIMEOUT, *arguments, stdin=stdin, place=place
        )

    async def json(self, *arguments: str) -> Any:
        """Return the JSON document that a short command prints, {} if it prints nothing."""
        text = await self.run(*arguments, "--output=json")
        return json.loads(text) if text.strip() else {}

    async def items(self, *arguments: str) -> list[dict[str, Any]]:
        """Return the objects that `kubectl get` lists."""
        return list((await self.json("get", *arguments)).get("items", []))

    async def apply(self, *documents: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Apply documents and return the resulting objects.

        The documents go through standard input, and server-side: no annotation repeats a Secret's values.
        """
        applied = await self.run(
            "apply", "--server-side", "--force-conflicts", f"--field-manager={FIELD_MANAGER}",
            "--filename=-", "--output=json",
            stdin="\n".join(json.dumps({**document}) for document in documents),
        )  # fmt: skip
        return objects(applied)

    async def wait_until_deleted(self, *what: str, seconds: float) -> None:
        """Wait until objects are deleted. Raises ClusterError that names the ones that remain."""
        words = ("wait", "--for=delete", *what, f"--timeout={seconds:.0f}s")
        await commands.run(self.program, *self._flags, *words, seconds=seconds + commands.TIMEOUT_SECONDS)

    def running(self, *arguments: str) -> AbstractAsyncContextManager[Guarded]:
        """Run a command for as long as the block lasts."""
        return self.program.running(*self._flags, *arguments, grace=1.0)

    async def watch(self, *arguments: str) -> AsyncGenerator[tuple[str, dict[str, Any]]]:
        """Yield `ADDED`, `MODIFIED` or `DELETED` with each changed object while the watch lasts."""
        watch = ("--watch", "--output-watch-events", "--output=json")
        async with self.running("get", *arguments, *watch) as process:
            # Unlike other JSON output of kubectl, each change is one line.
            async for line in processes.lines(process):
                try:
                    document = json.loads(line)
                except ValueError:
                    continue  # a warning
                yield document["type"], document["object"]


def objects(text: str) -> list[dict[str, Any]]:
    """Return the objects in JSON output of kubectl: a list, or documents one after the other."""
    decoder = json.JSONDecoder()
    found: list[dict[str, Any]] = []
    while text := text.lstrip():
        document, end = decoder.raw_decode(text)
        text = text[end:]
        found += document["items"] if document["kind"] == "List" else [document]
    return found
