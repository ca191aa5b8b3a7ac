"""Signs up, adds and completes a task, and deletes the account, through the frontend."""

import json
import os
import secrets
from typing import Any
from urllib.request import Request, urlopen

# As a browser sends it from a page of the application.
headers = {"content-type": "application/json", "origin": os.environ["ORIGIN"]}


def call(method: str, path: str, body: object = None) -> Any:
    """Return the JSON response. Raises HTTPError for an error response."""
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(os.environ["FRONTEND"] + path, data, headers, method=method), timeout=10) as answer:
        if token := answer.headers.get("set-auth-token"):
            headers["authorization"] = f"Bearer {token}"
        return json.load(answer)


password = secrets.token_urlsafe(16)
person = {"name": "Helm test", "email": f"helm-{secrets.token_hex(8)}@example.com", "password": password}
call("POST", "/api/auth/sign-up/email", person)
try:
    task = call("POST", "/api/tasks", {"title": "Asked by helm test"})
    listed = call("GET", "/api/tasks")["items"]
    assert [item["id"] for item in listed] == [task["id"]], listed
    assert call("POST", f"/api/tasks/{task['id']}/complete")["status"] == "completed"
finally:
    call("POST", "/api/auth/delete-user", {"password": password})
print("signed up, completed a task, deleted the account")
