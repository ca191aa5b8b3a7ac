"""Runs the application in a Kubernetes cluster, as a release of the project's chart."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from automation.console.errors import UsageError
from automation.console.events import Emit, Line, Notice, Result, step
from automation.contract import environment, profiles
from automation.contract.models import SERVICES
from automation.engines.engine import ServiceStatus, Status, UpOptions, welcome
from automation.kubernetes import delivery, install, pods, watch
from automation.kubernetes.delivery import Confirm, Place, Request
from automation.kubernetes.install import Installed, Options
from automation.kubernetes.kubectl import ClusterError, NoContextError
from automation.process import files, processes
from automation.process.instance import State
from automation.settings import Settings

_GONE_S = 120.0
"""Seconds for pods to end what they have begun, and for a namespace to be emptied."""
_DATABASE = "postgresql"
_SELECTOR = "--selector=app.kubernetes.io/instance={}"


@dataclass(frozen=True)
class Record:
    """Where the release was put."""

    context: str
    namespace: str
    release: str
    profile: str
    address: str
    since: float
    """Seconds since the epoch."""

    @property
    def place(self) -> tuple[str, str, str]:
        """What tells it from the other releases of this clone."""
        return self.context, self.namespace, self.release


class ClusterEngine:
    """The engine whose services are pods."""

    name = "cluster"

    def __init__(self, settings: Settings, request: Request | None = None) -> None:
        """Take the settings; without a request it is the last that was installed from here and is there."""
        self._settings = settings
        self._file = settings.state_dir / "cluster.json"
        self._request = request or self._default()

    @property
    def recorded(self) -> bool:
        """Whether a release was installed from here and has not been uninstalled again."""
        return bool(self._records())

    @property
    def services(self) -> tuple[str, ...]:
        """The services that last: the database too, where it is in the cluster."""
        return (*SERVICES, _DATABASE)

    @property
    def written(self) -> float:
        """When a release was installed last, in seconds since the epoch; 0 if never."""
        return files.modified(self._file)

    async def running(self) -> bool:
        """Return whether a release is installed. The cluster is not asked: a release runs on unattended."""
        return self.recorded

    @property
    def release(self) -> str:
        """The name of the release."""
        return self._request.options.release

    async def up(self, options: UpOptions, emit: Emit) -> None:
        """Install or upgrade the release, and follow its output once it is healthy."""
        if options.profile not in {"", self._request.profile}:
            raise UsageError(
                f"the profile {options.profile} is not one for Kubernetes",
                remedies=[f"--profile {self._request.profile}", "--engine compose"],
            )
        if options.database == "sqlite":
            raise UsageError(
                "replicas share a database, which SQLite in a file is not", remedies=["--database postgres"]
            )
        installed = await self.install(emit, None)
        profile = profiles.load(self._request.profile, self._settings.root)
        values = environment.read(self._settings, profile)
        emit(Notice(welcome(self.name, installed.address, options, profile, values, self._settings)))
        emit(Result((await self.status()).to_mapping()))
        if options.foreground:
            try:
                await self.logs(SERVICES, 0, emit, follow=True)
            except asyncio.CancelledError:
                await self.down(emit)
                raise

    async def install(self, emit: Emit, confirm: Confirm | None) -> Installed:
        """Deliver what the request says, and write down where it is. Raises AutomationError."""
        place = await self.place()
        agreed = confirm is None or place.target.local

        async def ask(question: str) -> None:
            nonlocal agreed
            if confirm is not None:
                await confirm(question)
            agreed = True

        try:
            installed = await delivery.deliver(
                self._settings, self._request, place, emit, None if confirm is None else ask
            )
        except (ClusterError, asyncio.CancelledError):
            # What was begun may go on in the cluster, and is what is asked about next.
            with suppress(ClusterError):
                if agreed and await place.helm.history():
                    known = self._recorded(place)
                    self._keep(place, known.address if known else "")
            raise
        self._keep(place, installed.address)
        return installed

    async def down(self, emit: Emit) -> None:
        """Remove the release. Its data, its Secret and the namespace stay."""
        try:
            await self.uninstall(emit, None)
        except NoContextError:
            # With its cluster deleted, nothing else would ever end what is known of it.
            gone = self._request.context
            if not gone:
                raise
            self._write([each for each in self._records() if each.context != gone])
            emit(Notice((f"There is no context {gone} any more: what was installed there is forgotten.",)))

    async def uninstall(self, emit: Emit, confirm: Confirm | None, *, data: bool = False) -> None:
        """Remove the release, with `data` the namespace and everything in it too. Raises AutomationError."""
        place = await self.place()
        if confirm is not None and not place.target.local:
            await confirm(f"{place.target} is not a cluster of this machine. Change it?")
        options = self._request.options
        there = bool(await place.helm.history())
        if not there and not data:
            self._forget(place)
            emit(Notice(("Nothing is running.",)))
            return
        rules = delivery.kubernetes(profiles.load(self._request.profile, self._settings.root))
        await install.refuse_other_chart(place.helm, rules.chart)
        with step(emit, "stop") as running:
            running.progress("asking the pods to end")
            await place.helm.uninstall()
            own = _SELECTOR.format(options.release)
            # Helm leaves the pods of its tests.
            tests = f"{own},app.kubernetes.io/component=test"
            await place.kubectl.run("delete", "pods", tests, "--ignore-not-found", "--wait=false")
            await place.kubectl.until_gone("pods", own, seconds=_GONE_S)
            running.detail = f"{options.release} is gone, the data stays"
            if data:
                running.progress("deleting the data")
                running.detail = await self._delete_data(place, rules.secret)
        self._forget(place)

    async def _delete_data(self, place: Place, secret: str) -> str:
        """Delete the namespace that the release was given, or its own things in one that was there before."""
        options = self._request.options
        name = f"namespace/{options.namespace}"
        namespace = await place.kubectl.json("get", "namespace", options.namespace, "--ignore-not-found")
        if namespace and not install.made_here(namespace):
            await place.kubectl.run("delete", "secret", secret, "--ignore-not-found")
            claims = "--selector=app=todo-postgresql,tier=database"
            await place.kubectl.run("delete", "persistentvolumeclaims", claims, "--wait=false")
            return f"{options.release} is gone with its data; {options.namespace} was there before, and stays"
        await place.kubectl.run("delete", name, "--ignore-not-found", "--wait=false")
        await place.kubectl.until_gone(name, seconds=_GONE_S)
        return f"{options.release} and the namespace {options.namespace} are gone"

    async def status(self) -> Status:
        """Return the application as it is now."""
        if not self._records():
            return Status(self.name, State.STOPPED)
        try:
            place = await self.place()
        except NoContextError as error:
            error.remedies = (*error.remedies, "invoke down forgets what was installed there")
            raise
        record = self._recorded(place)
        if record is None:
            return Status(self.name, State.STOPPED)
        snapshot = pods.read_snapshot(
            await place.kubectl.items(watch.KINDS, _SELECTOR.format(record.release))
        )
        if not snapshot.workloads:
            return Status(self.name, State.STOPPED)
        addresses = {"frontend": record.address, "backend": "http://todo-backend-service:8080"}
        found = {name: pods.standing(snapshot, name) for name in self.services}
        services = {
            name: ServiceStatus(each.state, addresses.get(name, ""), 0, 0, 0, detail=each.detail)
            for name, each in found.items()
            if each
        }
        services |= {
            name: ServiceStatus(State.ABSENT, addresses[name], 0, 0, 0)
            for name in SERVICES
            if not found[name]
        }
        good = all(each.state == State.HEALTHY for each in services.values())
        return Status(
            self.name,
            State.RUNNING if good else State.UNHEALTHY,
            mode="production",
            place=f"{record.release} in {record.namespace} of {record.context}",
            address=record.address,
            since=record.since,
            services=services,
        )

    async def logs(self, services: Sequence[str], lines: int, emit: Emit, *, follow: bool) -> None:
        """Emit the last lines of the services' pods, and with `follow` what comes after."""
        place = await self.place()
        names = ",".join(f"todo-{each}" for each in services)
        words = [
            "logs",
            f"--selector=app in ({names})",
            "--prefix",
            f"--tail={lines}",
            "--max-log-requests=20",
        ]
        words += ["--follow"] if follow else []
        async with place.kubectl.program.running(*place.kubectl.lasting, *words, grace=1.0) as process:
            async for line in processes.lines(process):
                source, text = _split(line)
                emit(Line(source, text))

    def address(self) -> str | None:
        """Return the address that people open; None while nothing was installed from here."""
        records = self._records()
        return records[-1].address if records else None

    async def plan(self, _options: UpOptions) -> tuple[str, ...]:
        """Return what `up` would do, a sentence each. Raises AutomationError as `up` would."""
        return await self.describe()

    async def describe(self) -> tuple[str, ...]:
        """Return what an installation would do, a sentence each. Raises AutomationError."""
        place, options = await self.place(), self._request.options
        rules = delivery.kubernetes(profiles.load(self._request.profile, self._settings.root))
        await delivery.installer_of(self._settings, rules, options, place, lambda _: None).asked_port()
        history = await place.helm.history()
        verb = (
            f"Unless it is made from the same, upgrade the release {options.release}"
            if history
            else f"Install the release {options.release}"
        )
        return (
            f"Build the images of {self._request.profile}, unless they are there.",
            f"Bring them to {self._request.registry or place.target}.",
            f"Make the namespace {options.namespace}, and its Secret from {self._settings.env_file_name}.",
            f"{verb} in {options.namespace}" + (", and wait until it is healthy." if options.wait else "."),
        )

    async def place(self) -> Place:
        """Return the cluster that is meant. Raises ClusterError."""
        return await delivery.find_place(self._settings, self._request.options, self._request.context)

    def _default(self) -> Request:
        records = self._records()
        if not records:
            rules = delivery.kubernetes(profiles.load(delivery.PROFILE, self._settings.root))
            return Request(Options(rules.namespace))
        last = records[-1]
        return Request(Options(last.namespace, last.release), last.profile, last.context)

    def _records(self) -> list[Record]:
        """Return the releases that were installed from here and not uninstalled, the last at the end."""
        found: Any = files.read_json(self._file)
        # A clone of before has the one that was installed last.
        listed = found.get("installed", [found]) if isinstance(found, dict) else []
        records = []
        for each in listed:
            with suppress(TypeError):
                records.append(Record(**each))
        return records

    def _recorded(self, place: Place) -> Record | None:
        """Return the record of the release that is meant; None when it was not installed from here."""
        return next((each for each in self._records() if each.place == self._meant(place)), None)

    def _meant(self, place: Place) -> tuple[str, str, str]:
        return place.target.context, self._request.options.namespace, self._request.options.release

    def _keep(self, place: Place, address: str) -> None:
        """Write down that the release that is meant is there, and is the last."""
        made = Record(*self._meant(place), self._request.profile, address, time.time())
        self._write([*(each for each in self._records() if each.place != made.place), made])

    def _forget(self, place: Place) -> None:
        self._write([each for each in self._records() if each.place != self._meant(place)])

    def _write(self, records: Sequence[Record]) -> None:
        if not records:
            self._file.unlink(missing_ok=True)
            return
        files.make_directory(self._file.parent)
        files.write_json(self._file, {"installed": [asdict(each) for each in records]})


def _split(line: str) -> tuple[str, str]:
    """Return the pod and the text of a line that kubectl prefixes with [pod/NAME/CONTAINER]."""
    if line.startswith("[pod/") and "] " in line:
        head, _, text = line.partition("] ")
        return head.split("/")[1], text
    return "cluster", line
