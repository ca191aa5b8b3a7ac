"""A test double for Docker with its AI agent, in the real one's output format.

It records its prompts in `calls.txt` in its own directory. AI_ANSWER selects its behaviour: the name of a
file to print, or one of the words below. A build of a Dockerfile with the line RUN exit 1 fails; any other
build succeeds immediately with an empty image.
"""

import io
import json
import os
import pathlib
import sys
import tarfile
import time

WITHOUT_END = "word " * 2000


def main(arguments: list[str]) -> int:
    with pathlib.Path(__file__).with_name("calls.txt").open("a", encoding="utf-8") as calls:
        here = [path.name for path in pathlib.Path().iterdir()]
        calls.write(json.dumps({"arguments": arguments, "cwd": here, "names": sorted(os.environ)}) + "\n")
    behaviour = os.environ.get("AI_ANSWER", "")
    match arguments:
        case ["version", *_]:
            say(json.dumps({"Version": "28.5.2", "Os": "linux", "Arch": "amd64"}))
        case ["ai", *_] if not behaviour:
            return fail("docker: unknown command: docker ai\n\nRun 'docker --help' for more information")
        case ["ai", "version"]:
            say("v1.30.0")
        case ["ai", _]:
            return answer(behaviour)
        case ["buildx", "build", "--call=check,format=json", *_]:
            say(json.dumps({"warnings": None}))
        case ["buildx", "build", *_] if "RUN exit 1\n" in dockerfile(arguments):
            return fail("ERROR: failed to solve: exit code: 1")
        case ["buildx", "build", *_] if "COPY backend/src" in dockerfile(arguments):
            missing = 'failed to calculate checksum of ref a::b: "/backend/src": not found'
            vertex = {"digest": "d", "name": "[gordon 2/2] COPY backend/src /app", "error": missing}
            return fail(json.dumps({"vertexes": [vertex]}))
        case ["image", "inspect", *references]:
            say(json.dumps([{"Config": {}} for _ in references]))
        case ["image", "save", _]:
            save()
        case _:
            pass
    return 0


def dockerfile(arguments: list[str]) -> str:
    """Return the Dockerfile of a build."""
    return pathlib.Path(arguments[arguments.index("--file") + 1]).read_text(encoding="utf-8")


def answer(behaviour: str) -> int:
    match behaviour:
        case "signed out":
            return fail("❌ sorry, you first need to sign in Docker Desktop to use the Docker AI Gateway")
        case "switched off":
            return fail("Gordon is not enabled. Enable it in Docker Desktop under Settings > AI")
        case "not running":
            say("Docker Desktop is not running")
        case "broken":
            say("thinking about it")
            return fail("panic: runtime error: index out of range")
        case "without end":
            while True:
                say(WITHOUT_END)
        case "hanging":
            say("\n--- Agent: root ---\nLet me see")
            time.sleep(600)
        case file:
            say(f"\n--- Agent: root ---\n{pathlib.Path(file).read_text(encoding='utf-8')}")
    return 0


def save() -> None:
    """Write the archive of an image without layers."""
    parts = {
        "manifest.json": json.dumps([{"Config": "config.json", "RepoTags": [], "Layers": []}]),
        "config.json": json.dumps({"config": {}, "rootfs": {"type": "layers", "diff_ids": []}}),
    }
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as archive:
        for name, text in parts.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def fail(text: str) -> int:
    sys.stderr.write(f"{text}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
