import { version } from "./environment.ts";

/** Reports that this server runs. The backend has its own health endpoint. */
export function health(): Response {
  return Response.json(
    { status: "ok", service: "frontend", version: version() },
    { headers: { "cache-control": "no-store" } },
  );
}
