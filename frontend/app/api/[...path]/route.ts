import { forwardToBackend } from "@/lib/server/backend-proxy";
import { backendAddress } from "@/lib/server/environment";

export const dynamic = "force-dynamic";

function handle(request: Request): Promise<Response> {
  return forwardToBackend(request, backendAddress);
}

export {
  handle as DELETE,
  handle as GET,
  handle as HEAD,
  handle as OPTIONS,
  handle as PATCH,
  handle as POST,
  handle as PUT,
};
