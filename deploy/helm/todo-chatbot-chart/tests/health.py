"""Checks the health of both services from inside the cluster, and that a page is served."""

import json
import os
from urllib.request import urlopen

for service in ("FRONTEND", "BACKEND"):
    with urlopen(os.environ[service] + "/health", timeout=5) as answer:
        print(service.lower(), json.load(answer)["status"])
with urlopen(os.environ["BACKEND"] + "/ready", timeout=5) as answer:
    print("ready", json.load(answer)["status"])
with urlopen(os.environ["FRONTEND"] + "/sign-in", timeout=5) as answer:
    assert "<html" in answer.read().decode(), "the frontend has no page"
