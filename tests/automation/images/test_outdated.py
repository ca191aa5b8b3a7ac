"""`clean --images` removes images of this project that nothing uses, and no other."""

from automation.images.outdated import Unused, unused


def row(identity: str, name: str, size: str = "135MB") -> dict[str, str]:
    repository, _, tag = name.partition(":")
    return {"ID": identity, "Repository": repository, "Tag": tag, "Size": size}


def test_only_old_builds_without_a_container_or_another_name_are_unused() -> None:
    rows = [
        row("old", "todo-backend:0123456789ab"),
        row("old", "todo-backend:0123456789ac"),
        row("current", "todo-backend:aaaaaaaaaaaa"),
        row("running", "todo-backend:bbbbbbbbbbbb"),
        row("named", "todo-backend:cccccccccccc"),
        row("named", "todo-backend:latest"),
        row("pushed", "todo-backend:dddddddddddd"),
        row("pushed", "localhost:5000/me/todo-backend:v1.0.0"),
        row("foreign", "other-backend:0123456789ab"),
        row("unnamed", "<none>:<none>", "1.09GB"),
        row("foreign unnamed", "<none>:<none>"),
        row("running unnamed", "<none>:<none>"),
    ]
    found = unused(
        rows,
        repositories={"todo-backend"},
        current={"todo-backend:aaaaaaaaaaaa"},
        unnamed={"unnamed", "running unnamed"},
        used={"running", "running unnamed"},
    )
    assert found == [
        Unused("old", ("todo-backend:0123456789ab", "todo-backend:0123456789ac"), 135 * 10**6),
        Unused("unnamed", (), 1090 * 10**6),
    ]
