/** Answers /api in front of Next.js's development server, as the production server does. */
import http from "node:http";
import { answerApi } from "./backend-proxy.ts";

/** Answers the requests for the backend that an HTTP server of this process receives from now on. */
export function answerApiInFront(readBackendAddress: () => URL): void {
  const emit = http.Server.prototype.emit;
  http.Server.prototype.emit = function (event: string, ...values: unknown[]): boolean {
    if (event === "request") {
      const [request, response] = values as [http.IncomingMessage, http.ServerResponse];
      if (answerApi(request, response, readBackendAddress)) return true;
    }
    return Reflect.apply(emit, this, [event, ...values]) as boolean;
  };
}
