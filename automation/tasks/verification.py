"""Check the images and their Dockerfiles."""

from typing import Annotated

from automation.tasks import flags
from automation.tasks.flags import Flag, Names
from automation.tasks.task import Run, task


@task
async def verify(
    run: Run,
    profile: flags.Profile = "",
    all_: flags.AllProfiles = False,
    check: Annotated[Names, Flag("Only this check; repeatable.", many=True)] = (),
    list_: Annotated[bool, Flag("List the checks with a summary of each.")] = False,
    verbose: Annotated[bool, Flag("Also list the checks that passed or do not apply.")] = False,
    base: flags.Bases = (),
    image_backend: Annotated[str, Flag("Check this image as the backend; build nothing.", "IMAGE")] = "",
    image_frontend: Annotated[str, Flag("Check this image as the frontend; build nothing.", "IMAGE")] = "",
) -> int:
    """Check a profile's images and files against its contract."""
    from automation.verify import audit

    return await audit.verify(
        *run,
        profile=profile,
        all_profiles=all_,
        checks=check,
        list_checks=list_,
        verbose=verbose,
        bases=base,
        image_backend=image_backend,
        image_frontend=image_frontend,
    )


@task
async def scan(
    run: Run,
    profile: flags.Profile = "",
    all_: flags.AllProfiles = False,
    image: Annotated[Names, Flag("Scan this image and build nothing; repeatable.", "IMAGE", many=True)] = (),
    base: flags.Bases = (),
    scanner: Annotated[str, Flag("docker scout, trivy or grype (default: the first installed).")] = "",
    output: Annotated[str, Flag("Write each image's SARIF report and CycloneDX SBOM here.", "FOLDER")] = "",
    timeout_: flags.Seconds = 600,
) -> None:
    """Scan the images for known vulnerabilities."""
    from automation.verify import scan as scanning

    await scanning.scan(
        *run,
        profile=profile,
        all_profiles=all_,
        images=image,
        bases=base,
        scanner=scanner,
        output=output,
        seconds=timeout_,
    )


@task
async def dockerfile_review(
    run: Run,
    file: Annotated[str, Flag("Dockerfile to review, or `agent` to ask Docker's AI agent for one.", "FILE")],
    service: Annotated[str, Flag("backend or frontend (default: by the file's folder, else backend).")] = "",
    adopt: Annotated[
        bool, Flag("Replace the project's Dockerfile after confirmation, unless a finding blocks it.")
    ] = False,
    yes: flags.Yes = False,
) -> None:
    """Review a Dockerfile: lint it, build it and compare it.

    It is checked against the profile `gordon`, the contract for Dockerfiles that Docker's AI agent proposes.
    """
    from automation.review import adoption

    await adoption.review_file(*run, file, service=service, adopt=adopt, yes=yes)


@task
async def profiles(
    run: Run,
    profile: Annotated[str, Flag("Only this profile.")] = "",
    schema: Annotated[bool, Flag("Write the JSON Schemas for editors instead.")] = False,
) -> None:
    """Compare the requirements of the profiles side by side."""
    from automation.contract import profiles as contracts

    await contracts.show(*run, profile=profile, schema=schema)
