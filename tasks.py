"""The tasks that people type: names and flags. What they do is in `automation`."""

from functools import partial

from invoke.collection import Collection
from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task as invoke_task

from automation import tasks

# A short flag that is made up from the names would change its meaning when a flag is added.
task = partial(invoke_task, auto_shortflags=False)

JSON = "Print events and the result as lines of JSON."
DEBUG = "Show the traceback of an error."
DRY_RUN = "Say what would be done, and do nothing."
SERVICE = "Only this one: backend or frontend."
ENGINE = "compose, native or cluster. The one that runs already; else compose where Docker answers."
PROFILE = "The profile whose rules apply: standalone unless named."


def end(code: int) -> None:
    """End with this exit code, as Invoke expects it."""
    if code:
        raise Exit(code=code)


@task(
    help={
        "profile": PROFILE,
        "engine": ENGINE,
        "prod": "Run the built frontend, and a backend that does not reload.",
        "detach": "Return when everything is healthy, and leave it running.",
        "host": "The address the frontend listens on: 127.0.0.1, or 0.0.0.0 for other machines too.",
        "frontend-port": "The frontend's port: 3000 unless given.",
        "backend-port": "The backend's port: 8000 unless given.",
        "auto-port": "Take the next free port instead of failing on one that is taken.",
        "dry-run": DRY_RUN,
        "json": JSON,
        "debug": DEBUG,
    }
)
def up(
    _: Context,
    profile: str = "",
    engine: str = "",
    prod: bool = False,
    detach: bool = False,
    host: str = "",
    frontend_port: str = "",
    backend_port: str = "",
    auto_port: bool = False,
    dry_run: bool = False,
    json: bool = False,
    debug: bool = False,
) -> None:
    """Start the application, and show its address and its logs until Ctrl-C."""
    end(
        tasks.application.up(
            profile=profile,
            engine=engine,
            prod=prod,
            detach=detach,
            host=host,
            frontend_port=frontend_port,
            backend_port=backend_port,
            auto_port=auto_port,
            dry_run=dry_run,
            json_lines=json,
            debug=debug,
        )
    )


@task(help={"dry-run": DRY_RUN, "json": JSON, "debug": DEBUG})
def down(_: Context, dry_run: bool = False, json: bool = False, debug: bool = False) -> None:
    """Stop the application, and clear away what a crash left."""
    end(tasks.application.down(dry_run=dry_run, json_lines=json, debug=debug))


@task(help={"json": JSON, "debug": DEBUG})
def status(_: Context, json: bool = False, debug: bool = False) -> None:
    """Show what runs, where, and whether it is healthy."""
    end(tasks.application.status(json_lines=json, debug=debug))


@task(
    help={
        "service": "Only this one: backend, frontend, or postgres in its container.",
        "lines": "How many of the last lines to show of each service: 50 unless given.",
        "follow": "Go on with what comes, until Ctrl-C.",
        "json": JSON,
        "debug": DEBUG,
    }
)
def logs(
    _: Context,
    service: str = "",
    lines: str = "50",
    follow: bool = False,
    json: bool = False,
    debug: bool = False,
) -> None:
    """Show what the backend and the frontend have written."""
    end(tasks.application.logs(service=service, lines=lines, follow=follow, json_lines=json, debug=debug))


@task(
    help={
        "profile": PROFILE,
        "dev": "Run the development images: the sources are mounted, and a change is seen at once.",
        "database": "sqlite, or postgres for a real one in a container. Unset, what DATABASE_URL says.",
        "detach": "Return when everything is healthy, and leave it running.",
        "host": "The address the frontend is published on: 127.0.0.1, or 0.0.0.0 for other machines too.",
        "frontend-port": "The frontend's port: 3000 unless given.",
        "backend-port": "The backend's port: 8000 unless given.",
        "auto-port": "Take the next free port instead of failing on one that is taken.",
        "dry-run": DRY_RUN,
        "json": JSON,
        "debug": DEBUG,
    }
)
def compose_up(
    _: Context,
    profile: str = "",
    dev: bool = False,
    database: str = "",
    detach: bool = False,
    host: str = "",
    frontend_port: str = "",
    backend_port: str = "",
    auto_port: bool = False,
    dry_run: bool = False,
    json: bool = False,
    debug: bool = False,
) -> None:
    """Run the images with Docker Compose, and build those that are missing."""
    end(
        tasks.compose.up(
            profile=profile,
            dev=dev,
            database=database,
            detach=detach,
            host=host,
            frontend_port=frontend_port,
            backend_port=backend_port,
            auto_port=auto_port,
            dry_run=dry_run,
            json_lines=json,
            debug=debug,
        )
    )


@task(
    help={
        "volumes": "Delete the data too, which nothing can make again.",
        "yes": "Do not ask.",
        "dry-run": DRY_RUN,
        "json": JSON,
        "debug": DEBUG,
    }
)
def compose_down(
    _: Context,
    volumes: bool = False,
    yes: bool = False,
    dry_run: bool = False,
    json: bool = False,
    debug: bool = False,
) -> None:
    """Stop the containers and remove them; the data stays."""
    end(tasks.compose.down(volumes=volumes, yes=yes, dry_run=dry_run, json_lines=json, debug=debug))


@task(help={"profile": PROFILE, "dry-run": DRY_RUN, "json": JSON, "debug": DEBUG})
def env_init(
    _: Context, profile: str = "", dry_run: bool = False, json: bool = False, debug: bool = False
) -> None:
    """Make .env from .env.example, with a generated secret."""
    end(tasks.upkeep.env_init(profile=profile, dry_run=dry_run, json_lines=json, debug=debug))


@task(help={"profile": PROFILE, "json": JSON, "debug": DEBUG})
def env_check(_: Context, profile: str = "", json: bool = False, debug: bool = False) -> None:
    """Name everything that is wrong with .env, at once and without a value."""
    end(tasks.upkeep.env_check(profile=profile, json_lines=json, debug=debug))


@task(help={"json": JSON, "debug": DEBUG})
def install(_: Context, json: bool = False, debug: bool = False) -> None:
    """Install the frontend's packages, unless they are there; `up` does so itself."""
    end(tasks.upkeep.install(json_lines=json, debug=debug))


@task(help={"profile": PROFILE, "json": JSON, "debug": DEBUG})
def doctor(_: Context, profile: str = "", json: bool = False, debug: bool = False) -> None:
    """Look for what keeps the application from running, and say how to mend it."""
    end(tasks.upkeep.doctor(profile=profile, json_lines=json, debug=debug))


@task(
    help={
        "profile": "Only this one.",
        "schema": "Write the JSON Schemas beside the files instead, for completion in an editor.",
        "json": JSON,
        "debug": DEBUG,
    }
)
def profiles(
    _: Context, profile: str = "", schema: bool = False, json: bool = False, debug: bool = False
) -> None:
    """Show side by side what the profiles require."""
    end(tasks.profiles.show(profile=profile, schema=schema, json_lines=json, debug=debug))


@task(
    iterable=["tag", "base"],
    help={
        "profile": PROFILE,
        "all": "Every profile, one after another.",
        "service": SERVICE,
        "dev": "The development images, from Dockerfile.dev.",
        "tag": "A further tag, besides the profile's own; can be repeated.",
        "version": "The version, as in v1.2.3: VERSION of .env unless given.",
        "platform": "Build for another platform, as in linux/arm64.",
        "base": "Another base: OLD=NEW as in node:24-alpine=node:24-slim, or frontend=NEW; can be repeated.",
        "no-cache": "Run every step again.",
        "pull": "Take newer base images from their registries.",
        "reproducible": "Build each image twice without a cache, and fail with what differs.",
        "dry-run": DRY_RUN,
        "json": JSON,
        "debug": DEBUG,
    },
)
def build(
    _: Context,
    tag: list[str],
    base: list[str],
    profile: str = "",
    all: bool = False,  # noqa: A002 - the name of the flag
    service: str = "",
    dev: bool = False,
    version: str = "",
    platform: str = "",
    no_cache: bool = False,
    pull: bool = False,
    reproducible: bool = False,
    dry_run: bool = False,
    json: bool = False,
    debug: bool = False,
) -> None:
    """Build the images of a profile; what is there already, made of the same content, stays."""
    end(
        tasks.images.build(
            profile=profile,
            all_profiles=all,
            service=service,
            dev=dev,
            tags=tag,
            version=version,
            platform=platform,
            bases=base,
            no_cache=no_cache,
            pull=pull,
            reproducible=reproducible,
            dry_run=dry_run,
            json_lines=json,
            debug=debug,
        )
    )


@task(
    iterable=["check", "base"],
    help={
        "profile": PROFILE,
        "all": "Every profile, one after another.",
        "check": "Only this check; can be given more than once.",
        "list": "List the checks instead, with what each looks for.",
        "base": "A base image that stands in for another, as `build` has it; can be given more than once.",
        "image-backend": "Look at this image instead of building the backend's.",
        "image-frontend": "Look at this image instead of building the frontend's.",
        "json": JSON,
        "debug": DEBUG,
    },
)
def verify(
    _: Context,
    check: list[str],
    base: list[str],
    profile: str = "",
    all: bool = False,  # noqa: A002 - the name of the flag
    list: bool = False,  # noqa: A002
    image_backend: str = "",
    image_frontend: str = "",
    json: bool = False,
    debug: bool = False,
) -> None:
    """Hold the files, images and containers of a profile against every rule of its contract."""
    end(
        tasks.verification.verify(
            profile=profile,
            all_profiles=all,
            checks=check,
            list_checks=list,
            bases=base,
            image_backend=image_backend,
            image_frontend=image_frontend,
            json_lines=json,
            debug=debug,
        )
    )


@task(
    help={
        "file": "The Dockerfile to review, or the word agent: then Docker's AI agent is asked for one.",
        "service": "Whose it is to be: backend or frontend. Unset, that of its folder, or the backend's.",
        "adopt": "Put it in the place of the project's own, after asking, when nothing stands against it.",
        "yes": "Do not ask.",
        "json": JSON,
        "debug": DEBUG,
    },
)
def dockerfile_review(
    _: Context,
    file: str,
    service: str = "",
    adopt: bool = False,
    yes: bool = False,
    json: bool = False,
    debug: bool = False,
) -> None:
    """Review a Dockerfile against the gordon profile: lint it, build it, compare it."""
    end(
        tasks.review.dockerfile_review(
            file=file, service=service, adopt=adopt, yes=yes, json_lines=json, debug=debug
        )
    )


@task(
    iterable=["base"],
    help={
        "profile": PROFILE,
        "all": "Every profile, one after another.",
        "service": SERVICE,
        "image": "Weigh any other image instead, by its name; it has no budget.",
        "base": "The --base that the build was given, if it was; can be repeated.",
        "json": JSON,
        "debug": DEBUG,
    },
)
def size_check(
    _: Context,
    base: list[str],
    profile: str = "",
    all: bool = False,  # noqa: A002 - the name of the flag
    service: str = "",
    image: str = "",
    json: bool = False,
    debug: bool = False,
) -> None:
    """Weigh the images, show what takes the bytes, and fail over the budget."""
    end(
        tasks.images.size_check(
            profile=profile,
            all_profiles=all,
            service=service,
            image=image,
            bases=base,
            json_lines=json,
            debug=debug,
        )
    )


@task(
    iterable=["base"],
    help={
        "registry": "Where to: a host, a user or both, as in localhost:5000; else DOCKER_REGISTRY of .env.",
        "version": "The version, as in v1.2.3: always named, so that none is published by accident.",
        "profile": PROFILE,
        "service": SERVICE,
        "base": "Another base image, as build has it; can be repeated.",
        "force": "Push what is not committed too, and replace what the registry has as this version.",
        "dry-run": DRY_RUN,
        "json": JSON,
        "debug": DEBUG,
    },
)
def push(
    _: Context,
    base: list[str],
    registry: str = "",
    version: str = "",
    profile: str = "",
    service: str = "",
    force: bool = False,
    dry_run: bool = False,
    json: bool = False,
    debug: bool = False,
) -> None:
    """Push the images as a version and as latest, read the digests back and compare them."""
    end(
        tasks.images.push(
            registry_name=registry,
            version=version,
            profile=profile,
            service=service,
            bases=base,
            force=force,
            dry_run=dry_run,
            json_lines=json,
            debug=debug,
        )
    )


@task(
    help={
        "data": "Delete the embedded database too, which nothing can make again.",
        "yes": "Do not ask.",
        "dry-run": DRY_RUN,
        "json": JSON,
        "debug": DEBUG,
    }
)
def clean(
    _: Context,
    data: bool = False,
    yes: bool = False,
    dry_run: bool = False,
    json: bool = False,
    debug: bool = False,
) -> None:
    """Remove builds, caches and packages: what can be made again."""
    end(tasks.upkeep.clean(data=data, yes=yes, dry_run=dry_run, json_lines=json, debug=debug))


@task(
    optional=["upgrade"],
    help={
        "check": "Write nothing; fail with the difference when a lock does not follow from its source.",
        "upgrade": "Take the newest versions that fit: of the package that is named, or of all.",
        "dry-run": DRY_RUN,
        "json": JSON,
        "debug": DEBUG,
    },
)
def lock(
    _: Context,
    check: bool = False,
    upgrade: str = "",
    dry_run: bool = False,
    json: bool = False,
    debug: bool = False,
) -> None:
    """Make the lock files from what pyproject.toml and package.json ask for."""
    end(tasks.upkeep.lock(check=check, upgrade=upgrade, dry_run=dry_run, json_lines=json, debug=debug))


CONTEXT = "kubectl's context: the current one unless named."
REGISTRY = "A registry that the nodes pull from, for clusters that take no images otherwise."
BASE = "Use another base image, as for build; repeatable."


@task(
    help={
        "profile": "The profile whose rules apply: cluster unless named.",
        "service": SERVICE,
        "context": CONTEXT,
        "registry": REGISTRY,
        "base": BASE,
        "dry-run": DRY_RUN,
        "json": JSON,
        "debug": DEBUG,
    },
    iterable=["base"],
)
def minikube_load(
    _: Context,
    profile: str = "",
    service: str = "",
    context: str = "",
    registry: str = "",
    base: list[str] | None = None,
    dry_run: bool = False,
    json: bool = False,
    debug: bool = False,
) -> None:
    """Bring the images to the nodes of minikube, kind or any cluster, unless they are there."""
    end(
        tasks.cluster.load(
            profile=profile,
            service=service,
            context=context,
            registry=registry,
            bases=base or (),
            dry_run=dry_run,
            json_lines=json,
            debug=debug,
        )
    )


@task(
    help={
        "profile": "The profile whose rules apply: cluster unless named.",
        "namespace": "The namespace: todo-app-dev unless named.",
        "release": "The release: todo unless named.",
        "context": CONTEXT,
        "values": "A file of values; repeatable, the last wins.",
        "set": "One value, as in backend.replicaCount=2; repeatable. Never a secret: those are in .env.",
        "registry": REGISTRY,
        "base": BASE,
        "wait": "Wait until the release is healthy, and explain why it is not; --no-wait does not.",
        "atomic": "Go back to the revision before when this one does not become healthy.",
        "timeout": "Seconds to wait at most: 180 unless given.",
        "yes": "Do not ask before a cluster is changed that is not of this machine.",
        "dry-run": DRY_RUN,
        "json": JSON,
        "debug": DEBUG,
    },
    iterable=["values", "set", "base"],
)
def helm_install(
    _: Context,
    profile: str = "",
    namespace: str = "",
    release: str = "",
    context: str = "",
    values: list[str] | None = None,
    set: list[str] | None = None,  # noqa: A002 - Helm's own word
    registry: str = "",
    base: list[str] | None = None,
    wait: bool = True,
    atomic: bool = False,
    timeout: str = "180",
    yes: bool = False,
    dry_run: bool = False,
    json: bool = False,
    debug: bool = False,
) -> None:
    """Install the release in the cluster, or upgrade it, and show its pods until it is healthy."""
    end(
        tasks.cluster.install(
            profile=profile,
            namespace=namespace,
            release=release,
            context=context,
            values=values or (),
            settings=set or (),
            registry=registry,
            bases=base or (),
            wait=wait,
            atomic=atomic,
            timeout=timeout,
            yes=yes,
            dry_run=dry_run,
            json_lines=json,
            debug=debug,
        )
    )


@task(
    help={
        "namespace": "The namespace: todo-app-dev unless named.",
        "release": "The release: todo unless named.",
        "context": CONTEXT,
        "data": "Delete the namespace too, with the data and the Secret in it.",
        "yes": "Do not ask.",
        "dry-run": DRY_RUN,
        "json": JSON,
        "debug": DEBUG,
    }
)
def helm_uninstall(
    _: Context,
    namespace: str = "",
    release: str = "",
    context: str = "",
    data: bool = False,
    yes: bool = False,
    dry_run: bool = False,
    json: bool = False,
    debug: bool = False,
) -> None:
    """Remove the release from the cluster; the data stays."""
    end(
        tasks.cluster.uninstall(
            namespace=namespace,
            release=release,
            context=context,
            data=data,
            yes=yes,
            dry_run=dry_run,
            json_lines=json,
            debug=debug,
        )
    )


@task(help={"destination": "The directory: .artifacts/charts unless named.", "json": JSON, "debug": DEBUG})
def helm_package(_: Context, destination: str = "", json: bool = False, debug: bool = False) -> None:
    """Make the chart's archive."""
    end(tasks.cluster.package(destination=destination, json_lines=json, debug=debug))


namespace = Collection(
    build,
    size_check,
    push,
    dockerfile_review,
    up,
    down,
    status,
    logs,
    compose_up,
    compose_down,
    minikube_load,
    helm_install,
    helm_uninstall,
    helm_package,
    install,
    doctor,
    env_init,
    env_check,
    profiles,
    clean,
    lock,
    verify,
)
