"""A test double for Docker Scout, Trivy and Grype: it writes a recorded report to the file that is named.

SCANNERS names those that are there. SCANNER_ANSWER selects the behaviour: `recorded` (the default), `clean`,
`silent` (success without a report), `fail` or `hang`.
"""

import json
import os
import pathlib
import sys
import time

RECORDED = pathlib.Path(__file__).with_name("recorded")


def main(name: str, arguments: list[str]) -> int:
    if name == "docker":
        name, arguments = " ".join(("docker", *arguments[:1])), arguments[1:]
    if name not in os.environ.get("SCANNERS", "").split(","):
        sys.stderr.write(f"{name} is not a docker command\n")
        return 1
    if arguments in (["version"], ["--version"]):
        return 0
    behaviour = os.environ.get("SCANNER_ANSWER", "recorded")
    if behaviour == "hang":
        # The caller's timeout ends it. Nothing is left for long when a test fails to.
        time.sleep(600)
    if behaviour == "fail":
        sys.stderr.write("FATAL failed to download vulnerability DB: dial tcp: no such host\n")
        return 1
    if behaviour == "silent":
        return 0
    report = json.loads((RECORDED / f"{name.replace(' ', '-')}.sarif.json").read_text(encoding="utf-8"))
    if behaviour == "clean":
        report["runs"][0]["results"] = []
    target = next(word for word in arguments if word.endswith("report.sarif.json")).removeprefix("sarif=")
    pathlib.Path(target).write_text(json.dumps(report), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]).name, sys.argv[2:]))
