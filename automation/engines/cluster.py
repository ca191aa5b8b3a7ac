"""Runs the application in a Kubernetes cluster, as a release of the project's chart."""

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial

from automation.console.errors import UsageError
from automation.console.events import Emit, Line, Notice, Result, step
from automation.console.runner import confirm
from automation.contract import environment, profiles
from automation.contract.models import SERVICES, Kubernetes
from automation.engines.engine import Engine, Python, ServiceStatus, Status, UpOptions
from automation.images.plan import choose, read_version
from automation.images.registry import check_registry
from automation.kubernetes import address, commands, drift, pods, release, watch
from automation.kubernetes.commands import ClusterError, Helm, NoContextError, flags
from automation.kubernetes.install import Installed, deliver
from automation.kubernetes.load import load_images
from automation.kubernetes.target import (
    PROFILE,
    RELEASE,
    Confirm,
    KnownRelease,
    KnownReleases,
    Place,
    Request,
    chart,
    kubernetes,
)
from automation.process import files, processes
from automation.process.files import Store
from automation.process.instance import State
from automation.settings import Settings

_TIMEOUT_SECONDS = 120.0
"""Limits for pods to finish their work, and for a namespace to become empty."""
_INSTANCE = "--selector=app.kubernetes.io/instance="


class ClusterEngine(Engine):
    """The engine whose services are pods."""

    name = "cluster"

    def __init__(self, settings: Settings, request: Request | None = None) -> None:
        """Without a request, the engine works on the release that was installed last from this clone."""
        super().__init__(settings)
        self._store = Store(settings.state_dir / "cluster.json", KnownReleases)
        self._request = request or self._last()

    @property
    def services(self) -> tuple[str, ...]:
        return (*SERVICES, "postgresql")

    @property
    def _known(self) -> KnownReleases:
        # An earlier version kept only the last release.
        only = Store(self._store.file, KnownRelease).read()
        return KnownReleases((only,)) if only else self._store.read() or KnownReleases()

    @property
    def recorded(self) -> bool:
        """Whether a release was installed from this clone and is not yet stopped."""
        return self._known.current is not None

    @property
    def release(self) -> str:
        return self._request.release

    @property
    def written(self) -> float:
        return files.modified(self._store.file)

    async def running(self) -> bool:
        # Without a query of the cluster: a release runs unattended.
        return self.recorded

    async def up(self, options: UpOptions, emit: Emit) -> None:
        if options.profile not in {"", self._request.profile}:
            raise UsageError(
                f"the profile {options.profile} does not describe a Kubernetes release",
                remedies=[f"--profile {self._request.profile}", "--engine compose"],
            )
        if options.database == "sqlite":
            raise UsageError(
                "SQLite cannot be shared by the replicas of a release", remedies=["--database postgres"]
            )
        installed = await self.install(emit, None)
        profile = profiles.load(self._request.profile, self._settings.root)
        configured = environment.read(self._settings, profile)
        await self._welcome(installed.address, options, profile, configured, emit)
        if options.foreground:
            try:
                await self.logs(SERVICES, 0, emit, follow=True)
            except asyncio.CancelledError:
                await self.down(emit)
                raise

    async def install(self, emit: Emit, confirm: Confirm | None) -> Installed:
        """Install or upgrade the release, and record it. Raises AutomationError."""
        place = await self.place()
        release = self._identity(place)
        await place.check(emit)
        await place.confirm(confirm)
        try:
            installed = await deliver(self._settings, self._request, place, emit)
        except (ClusterError, asyncio.CancelledError):
            # The rollout may continue in the cluster: `status` reports on it.
            with suppress(ClusterError):
                if await place.helm.history():
                    known = self._known.find(release)
                    self._store.write(
                        self._known.add(replace(release, address=known.address if known else ""))
                    )
            raise
        self._store.write(self._known.add(replace(release, address=installed.address)))
        return installed

    async def down(self, emit: Emit) -> None:
        context = self._request.context
        try:
            await self.uninstall(emit, None, stopped=True)
        except NoContextError:
            # The cluster was deleted, and its releases with it.
            if not context:
                raise
            others = (known for known in self._known.installed if known.context != context)
            self._store.write(KnownReleases(tuple(others)))
            emit(Notice((f"The context {context} no longer exists: its releases are forgotten.",)))

    async def uninstall(
        self, emit: Emit, confirm: Confirm | None, *, data: bool = False, stopped: bool = False
    ) -> None:
        """Remove the release; with `data` also the namespace and everything in it. Raises AutomationError."""
        place = await self.place()
        await place.confirm(confirm)
        revisions = await place.helm.history()
        if data or revisions:
            release.check_chart(place.helm, revisions, self._rules().chart)
            await self._remove(place, emit, data=data)
        else:
            emit(Notice(("Nothing is running.",)))
        self._store.write(self._known.remove(self._identity(place), stopped=stopped))
        if stopped:
            self._name_others(emit)

    def _name_others(self, emit: Emit) -> None:
        """Name the other releases, which `down` leaves alone."""
        for known in self._known.installed:
            own = f"{known.release} in {known.namespace} of {known.context}"
            remove = f"invoke helm-uninstall {_named(known)} --context {known.context}"
            emit(Notice((f"{own} still runs. Remove it with   {remove}",)))

    async def _remove(self, place: Place, emit: Emit, *, data: bool) -> None:
        rules, own = self._rules(), f"{_INSTANCE}{self.release}"
        with step(emit, "stop") as running:
            running.progress("stopping the pods")
            await place.helm.uninstall()
            # Helm does not delete the pods of its tests.
            tests = f"{own},app.kubernetes.io/component=test"
            await place.kubectl.run("delete", "pods", tests, "--ignore-not-found", "--wait=false")
            await place.kubectl.wait_until_deleted("pods", own, seconds=_TIMEOUT_SECONDS)
            where = f"{place.kubectl.namespace} ({place.target.context})"
            running.detail = f"release {self.release} uninstalled from {where}; its data stays"
            if data:
                running.progress("deleting the data")
                running.detail = await self._delete_data(place, rules)

    async def _delete_data(self, place: Place, rules: Kubernetes) -> str:
        """Delete the namespace, or only the release's objects if the namespace existed before."""
        name, kubectl = place.kubectl.namespace, place.kubectl
        namespace = await kubectl.json("get", "namespace", name, "--ignore-not-found")
        if namespace and not release.created_here(namespace, rules.chart):
            await kubectl.run("delete", "secret", rules.secret, "--ignore-not-found")
            claims = "--selector=app=todo-postgresql,tier=database"
            await kubectl.run("delete", "persistentvolumeclaims", claims, "--wait=false")
            return f"{self.release} is removed with its data; {name} existed before and stays"
        await kubectl.run("delete", f"namespace/{name}", "--ignore-not-found", "--wait=false")
        await kubectl.wait_until_deleted(f"namespace/{name}", seconds=_TIMEOUT_SECONDS)
        return f"{self.release} and the namespace {name} are removed"

    async def status(self) -> Status:
        stopped = Status(self.name, State.STOPPED)
        if not self._known.installed:
            return stopped
        try:
            place = await self.place()
        except NoContextError as error:
            error.remedies = (*error.remedies, "invoke down   forgets the releases of a deleted cluster")
            raise
        known = self._known.find(self._identity(place))
        if known is None:
            return stopped
        rollout = pods.read_rollout(await place.kubectl.items(watch.KINDS, f"{_INSTANCE}{known.release}"))
        if not rollout.workloads:
            return stopped
        backend = self._rules().backend
        addresses = {
            "frontend": known.address,
            "backend": f"http://{backend.service}:{backend.service_port}",
        }
        services = {}
        for name in self.services:
            found = pods.availability(rollout, name)
            if found or name in SERVICES:
                state, detail = (found.state, found.detail) if found else (State.ABSENT, "")
                services[name] = ServiceStatus(state, addresses.get(name, ""), detail=detail)
        healthy = all(service.state == State.HEALTHY for service in services.values())
        altered, refusal = await asyncio.gather(
            _drift(place),
            address.refusal(place, self._rules().frontend) if healthy else asyncio.sleep(0, ""),
        )
        if refusal:
            healthy = False
            detail = f"does not answer through its service: {refusal}"
            services["frontend"] = replace(services["frontend"], state=State.UNHEALTHY, detail=detail)
        return Status(
            self.name,
            State.RUNNING if healthy else State.UNHEALTHY,
            mode="production",
            place=f"{known.release} in {known.namespace} of {known.context}",
            address=known.address,
            since=known.since,
            services=services,
            drift=altered,
            restore=f"invoke helm-install {_named(known)}",
        )

    async def logs(self, services: Sequence[str], lines: int, emit: Emit, *, follow: bool) -> None:
        place = await self.place()
        selector = f"{_INSTANCE}{self.release},app.kubernetes.io/component in ({','.join(services)})"
        words = ["logs", selector, "--prefix", f"--tail={lines}", "--max-log-requests=20"]
        async with place.kubectl.running(*words, *(["--follow"] if follow else [])) as process:
            async for line in processes.lines(process):
                # As in [pod/NAME/CONTAINER] TEXT.
                head, mark, text = line.partition("] ")
                named = mark and head.startswith("[pod/")
                emit(Line(head.split("/")[1], text) if named else Line("cluster", line))

    def address(self) -> str | None:
        known = self._known.current
        return known.address if known else None

    async def backend_python(self) -> Python:
        kubectl = (await self.place()).kubectl
        pod = ("exec", "--stdin", "deployment/todo-backend", "--container=backend", "--", "python")
        return Python(kubectl.program, (*kubectl.flags, *pod))

    async def plan(self, _options: UpOptions) -> tuple[str, ...]:
        request, settings, place = self._request, self._settings, await self.place()
        await release.render(place.helm, chart(settings, self._rules()), request)
        history = await place.helm.history()
        verb = "Upgrade the release unless it is up to date:" if history else "Install the release"
        return (
            f"Build the images of {request.profile} unless they exist.",
            f"Load them into {request.registry or place.target}.",
            f"Create the namespace {request.namespace}, and its Secret from {settings.env_file_name}.",
            f"{verb} {request.release} in {request.namespace}"
            + (", and wait until it is healthy." if request.wait else "."),
        )

    async def place(self) -> Place:
        """Return the cluster. Raises ClusterError."""
        return await Place.find(self._settings, self._request)

    def _rules(self) -> Kubernetes:
        return kubernetes(profiles.load(self._request.profile, self._settings.root))

    def _last(self) -> Request:
        if last := self._known.current:
            return Request(last.namespace, last.release, last.profile, last.context)
        return Request(kubernetes(profiles.load(PROFILE, self._settings.root)).namespace)

    def _identity(self, place: Place) -> KnownRelease:
        """Return the release that this engine works on, without what is recorded of it."""
        request = self._request
        return KnownRelease(place.target.context, request.namespace, request.release, request.profile)


async def _drift(place: Place) -> tuple[str, ...]:
    """Return what was changed by hand, nothing for a user who may only read."""
    try:
        return (await drift.find(place)).differences
    except ClusterError:
        return ()


def _named(known: KnownRelease) -> str:
    """Return the flags that name a release."""
    return flags({"namespace": known.namespace, "release": known.release})


__all__ = ["Request", "install", "load", "package", "uninstall"]

_NAMES = {
    "namespace": (63, "[a-z0-9]([-a-z0-9]*[a-z0-9])?"),
    "release": (53, "[a-z]([-a-z0-9]*[a-z0-9])?"),
}
"""The maximum length of a Kubernetes name and its pattern, by flag."""
_ask = partial(confirm, otherwise="nothing was changed")


async def load(settings: Settings, emit: Emit, request: Request, *, service: str, dry_run: bool) -> None:
    """Load the images into the nodes of the cluster."""
    choose(service)
    request = _completed(settings, request)
    profile = profiles.load(request.profile, settings.root)
    read_version(settings, profile)
    target = (await Place.find(settings, request)).target
    if dry_run:
        emit(Notice((f"The images of {profile.name} would be built and loaded into {target}.",)))
        emit(Result({"context": target.context, "profile": profile.name}))
        return
    loaded = await load_images(settings, request, target, emit, service, with_tags=True)
    emit(Result({"images": [asdict(image) for image in loaded.values()]}))


async def install(settings: Settings, emit: Emit, request: Request, *, yes: bool, dry_run: bool) -> None:
    """Install the release, or upgrade it."""
    named = {"namespace": request.namespace, "release": request.release, "context": request.context}
    request = _completed(settings, request)
    read_version(settings, profiles.load(request.profile, settings.root))
    engine = ClusterEngine(settings, request)
    if dry_run:
        plan = await engine.plan(UpOptions())
        emit(Notice(plan))
        emit(Result({"plan": plan}))
        return
    installed = await engine.install(emit, None if yes else _ask)
    own = "".join(f" --{flag} {name}" for flag, name in named.items() if name)
    verb = "is" if request.wait else "will be"
    at = (f"The to-do chatbot {verb} at {installed.address}",) if installed.address else ()
    emit(Notice((*at, f"invoke status · invoke logs --follow · invoke helm-uninstall{own}")))
    emit(Result(asdict(installed)))


async def uninstall(
    settings: Settings, emit: Emit, request: Request, *, data: bool, yes: bool, dry_run: bool
) -> None:
    """Remove the release, with `data` its namespace too."""
    request = _completed(settings, request)
    engine = ClusterEngine(settings, request)
    if dry_run:
        kept = "its data, its Secret and the namespace with it" if data else "and keep its data"
        emit(Notice((f"helm-uninstall would remove {request.release} in {request.namespace}, {kept}.",)))
        return
    if data and not yes:
        await confirm(
            f"Delete {request.release} in {request.namespace} with every account, task and conversation, "
            "and the namespace if helm-install created it? This cannot be undone."
        )
    await engine.uninstall(emit, None if yes else _ask, data=data)
    emit(Result((await engine.status()).to_mapping()))


async def package(settings: Settings, emit: Emit, *, destination: str) -> None:
    """Lint the chart and make its archive."""
    source = chart(settings, kubernetes(profiles.load(PROFILE, settings.root)))
    with step(emit, "chart") as running:
        directory = settings.root / (destination or ".artifacts/charts")
        running.detail = await Helm(commands.find("helm", settings)).package(source, directory)
    emit(Result({"archive": running.detail}))


def _completed(settings: Settings, request: Request) -> Request:
    """Return the request with the defaults. Raises UsageError for a wrong flag, before anything is built."""
    profile = profiles.load(request.profile or PROFILE, settings.root)
    default = kubernetes(profile).namespace
    if request.registry:
        check_registry(request.registry)
    for flag, (longest, shape) in _NAMES.items():
        name: str = getattr(request, flag)
        if name and (len(name) > longest or not re.fullmatch(shape, name)):
            raise UsageError(
                f"--{flag} {name[:80]!r} is not a valid Kubernetes name",
                why=f"it may have up to {longest} lowercase letters, digits and hyphens, as in todo-2",
            )
    if "-" in request.values_files:
        raise UsageError("--values - cannot read the standard input", remedies=["--values FILE"])
    return replace(
        request,
        namespace=request.namespace or default,
        release=request.release or RELEASE,
        profile=profile.name,
    )
