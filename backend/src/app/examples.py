"""Examples of requests and responses in the OpenAPI document, for operations whose models have none."""

from typing import Any

_AT = "2026-11-28T09:00:00.123456Z"
_TASK: dict[str, Any] = {
    "id": "8fJ2Yp0WZk",
    "title": "Pay rent",
    "description": "",
    "priority": "high",
    "tags": ["home"],
    "due_at": "2026-12-01T08:00:00Z",
    "all_day": False,
    "recurrence": "FREQ=MONTHLY;BYMONTHDAY=1",
    "time_zone": "Europe/Berlin",
    "remind_at": "2026-12-01T07:30:00Z",
    "remind_before": 30,
    "position": -1764320400000000,
    "status": "open",
    "created_at": _AT,
    "updated_at": _AT,
    "completed_at": None,
}
_NEW_TASK = {
    name: _TASK[name]
    for name in ("title", "priority", "tags", "due_at", "recurrence", "time_zone", "remind_before")
}
_DONE = {**_TASK, "status": "completed", "recurrence": None, "time_zone": None, "completed_at": _AT}
_SPAN = {"field": "due", "start": 9, "end": 39, "utf16_start": 9, "utf16_end": 39}
_CONVERSATION = {"id": "c1Xa8", "title": "Pay rent", "created_at": _AT, "updated_at": _AT}
_MESSAGE = {
    "id": "m4Qd2",
    "role": "user",
    "agent": None,
    "model": None,
    "state": None,
    "idempotency_key": "k7",
    "created_at": _AT,
    "parts": [{"type": "text", "text": "add pay rent tomorrow"}],
}
_TOKEN = {
    "id": "t9Lm3",
    "name": "Script",
    "scope": "read",
    "prefix": "todo_pat_Zk3",
    "created_at": _AT,
    "last_used_at": None,
    "expires_at": "2027-02-26T09:00:00Z",
}
_USER = {
    "id": "u5Rt7",
    "name": "Ada Lovelace",
    "email": "ada@example.org",
    "emailVerified": False,
    "image": None,
    "createdAt": "2026-11-28T09:00:00.000Z",
    "updatedAt": "2026-11-28T09:00:00.000Z",
}
_OPAQUE = "Zk3…"
_SESSION = {
    "id": "s2Bn6",
    "token": _OPAQUE,
    "userId": "u5Rt7",
    "ipAddress": "192.0.2.1",
    "userAgent": "Mozilla/5.0",
    "createdAt": "2026-11-28T09:00:00.000Z",
    "updatedAt": "2026-11-28T09:00:00.000Z",
    "expiresAt": "2026-12-05T09:00:00.000Z",
}
_SIGNED = "eyJhbGciOiJFZERTQSJ9.e30.c2ln"
_PASSWORD = "correct horse battery"  # noqa: S105 - shown in the documentation, valid nowhere
_STATUS = {"status": True}
_CSV = (
    "id,title,description,priority,tags,due_at,all_day,recurrence,time_zone,remind_at,remind_before,position,"
    "status,created_at,updated_at,completed_at\r\n"
)
_EVENTS = f'data: {{"kind":"ready"}}\n\ndata: {{"kind":"tasks","id":"8fJ2Yp0WZk","at":"{_AT}"}}\n\n'
_REPLY = (
    'data: {"type":"start","messageId":"m4Qd3","conversation_id":"c1Xa8",'
    '"agent":{"name":"offline","model":null}}\n\n'
    'data: {"type":"text-start","id":"text-0"}\n\n'
    'data: {"type":"text-delta","id":"text-0","delta":"Added ‘Pay rent’, tomorrow."}\n\n'
    'data: {"type":"text-end","id":"text-0"}\n\n'
    'data: {"type":"finish"}\n\ndata: [DONE]\n\n'
)
_CALENDAR = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Todo//EN\r\nEND:VCALENDAR\r\n"

REQUESTS: dict[str, Any] = {
    "post /api/tasks": _NEW_TASK,
    "patch /api/tasks/{task_id}": {"title": "Pay the rent", "due_at": None},
    "post /api/tasks/{task_id}/move": {"before": None},
    "post /api/auth/sign-up/email": {
        "name": "Ada Lovelace",
        "email": "ada@example.org",
        "password": _PASSWORD,
    },
    "post /api/auth/sign-in/email": {"email": "ada@example.org", "password": _PASSWORD},
    "post /api/auth/sign-out": {},
    "post /api/auth/update-user": {"name": "Ada"},
    "post /api/auth/change-password": {
        "currentPassword": _PASSWORD,
        "newPassword": "another fine password",
        "revokeOtherSessions": True,
    },
    "post /api/auth/request-password-reset": {"email": "ada@example.org"},
    "post /api/auth/reset-password": {"newPassword": "another fine password", "token": _OPAQUE},
    "post /api/auth/delete-user": {"password": _PASSWORD},
    "post /api/auth/revoke-session": {"token": _OPAQUE},
    "post /api/chat": {
        "message": "add pay rent on friday",
        "conversation_id": "c1Xa8",
        "idempotency_key": "k8",
        "replaces": "k7",
        "time_zone": "Europe/Berlin",
    },
    "patch /api/conversations/{conversation_id}": {"title": "Rent"},
}
RESPONSES: dict[str, Any] = {
    "get /health": {"status": "ok"},
    "get /ready": {"status": "ok"},
    "get /api/tasks": {"items": [_TASK], "next_cursor": None},
    "post /api/tasks": _TASK,
    "get /api/tasks/export": {"format": "todo-chatbot", "version": 1, "tasks": [_TASK]},
    "post /api/tasks/import": {
        "preview": False,
        "imported": 2,
        "duplicates": 0,
        "skipped": 0,
        "step": _AT,
        "rows": [{"row": 3, "title": "Milk", "problem": None, "notes": ["…"]}],
        "tasks": [],
    },
    "get /api/tasks/{task_id}": _TASK,
    "patch /api/tasks/{task_id}": _TASK,
    "post /api/tasks/{task_id}/move": _TASK,
    "post /api/tasks/{task_id}/complete": _DONE,
    "post /api/tasks/{task_id}/reopen": _TASK,
    "post /api/tasks/bulk": {"step": _AT, "tasks": [_TASK]},
    "post /api/tasks/parse": {
        "title": "Pay rent",
        "due_at": "2026-12-01T08:00:00Z",
        "recurrence": "FREQ=MONTHLY;BYMONTHDAY=1",
        "spans": [_SPAN],
    },
    "post /api/undo": {
        "step": _AT,
        "changes": [{"undone": "completed", "task_id": _TASK["id"], "title": "Pay rent", "task": _TASK}],
    },
    "post /api/auth/sign-up/email": {"token": _OPAQUE, "user": _USER},
    "post /api/auth/sign-in/email": {"redirect": False, "token": _OPAQUE, "user": _USER},
    "post /api/auth/sign-out": {"success": True},
    "get /api/auth/get-session": {"session": _SESSION, "user": _USER},
    "get /api/auth/token": {"token": _SIGNED},
    "get /api/auth/jwks": {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": "11qYAY…"}]},
    "post /api/auth/update-user": _STATUS,
    "post /api/auth/change-password": {"token": None, "user": _USER},
    "post /api/auth/request-password-reset": {**_STATUS, "message": "Check your email for the link."},
    "post /api/auth/reset-password": _STATUS,
    "post /api/auth/delete-user": {"success": True, "message": "User deleted"},
    "get /api/auth/list-sessions": [_SESSION],
    "post /api/auth/revoke-session": _STATUS,
    "post /api/auth/revoke-sessions": _STATUS,
    "post /api/auth/revoke-other-sessions": _STATUS,
    "get /api/auth/ok": {"ok": True},
    "post /api/chat": _REPLY,
    "get /api/conversations": {"items": [_CONVERSATION], "next_cursor": None},
    "get /api/conversations/{conversation_id}": {
        **_CONVERSATION,
        "messages": [_MESSAGE],
        "previous_cursor": None,
    },
    "patch /api/conversations/{conversation_id}": {**_CONVERSATION, "title": "Rent"},
    "get /api/access-tokens": {"items": [_TOKEN]},
    "post /api/access-tokens": {**_TOKEN, "token": f"todo_pat_{_OPAQUE}"},
    "get /api/calendar/feed.ics": _CALENDAR,
    "get /api/events": _EVENTS,
}
TEXTS: dict[str, str] = {"text/csv": _CSV}
"""Examples of other media types beside JSON."""
