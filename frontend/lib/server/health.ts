import { version } from "./environment";

/** Answers that this server runs; it says nothing about the backend, which has a health page of its own. */
export function health(): Response {
  return Response.json(
    { status: "ok", service: "frontend", version: version() },
    { headers: { "cache-control": "no-store" } },
  );
}
