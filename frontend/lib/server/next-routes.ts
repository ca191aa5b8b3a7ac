/** The routes of a build that need Next.js's server, which starts with the first request for one of them. */
import { readFileSync } from "node:fs";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import path from "node:path";

interface Route {
  page?: string;
  regex: string;
  internal?: boolean;
}
interface Routes {
  staticRoutes: Route[];
  dynamicRoutes: Route[];
  redirects: Route[];
  rewrites: { beforeFiles: Route[]; afterFiles: Route[]; fallback: Route[] };
}

export class NextRoutes {
  readonly #folder: string;
  readonly #patterns: RegExp[];
  #listener: Promise<RequestListener> | undefined;

  /** @throws Error if the folder contains no build. */
  constructor(folder: string) {
    this.#folder = folder;
    const { staticRoutes, dynamicRoutes, redirects, rewrites } = this.#read<Routes>("routes-manifest.json");
    const routes = [...staticRoutes, ...dynamicRoutes, ...redirects, ...Object.values(rewrites).flat()];
    this.#patterns = routes
      .filter(({ page, internal }) => !internal && !page?.startsWith("/_"))
      .map(({ regex }) => new RegExp(regex));
  }

  /** Returns whether Next.js serves this path; true also for the pages that are files of the build. */
  has(pathname: string): boolean {
    return this.#patterns.some((pattern) => pattern.test(pathname));
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#listener ??= this.#start().catch((error: unknown) => {
      // The next request tries again.
      this.#listener = undefined;
      throw error;
    });
    await (
      await this.#listener
    )(request, response);
  }

  async #start(): Promise<RequestListener> {
    const { config } = this.#read<{ config: object }>("required-server-files.json");
    // The variable by which the server that Next.js generates passes its configuration.
    process.env.__NEXT_PRIVATE_STANDALONE_CONFIG = JSON.stringify(config);
    const { default: next } = await import("next");
    const application = next({ dir: this.#folder, dev: false });
    await application.prepare();
    return application.getRequestHandler();
  }

  #read<Content>(name: string): Content {
    return JSON.parse(readFileSync(path.join(this.#folder, ".next", name), "utf8")) as Content;
  }
}
