/**
 * The built pages and files. A build of this application is about a megabyte: it is held in memory, compressed once,
 * and no request reads the disk.
 */
import { createHash } from "node:crypto";
import { existsSync, globSync, readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import path from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import { acceptsEncoding } from "./encodings.ts";
import { securityHeaders } from "./security-headers.ts";

/** Headers of Next.js's router: its requests have the page's address, but want its data. */
const VARY =
  "rsc, next-router-state-tree, next-router-prefetch, next-router-segment-prefetch, accept-encoding";

/** Browsers keep these for ever: their names contain a hash of their content. */
const IMMUTABLE = "public, max-age=31536000, immutable";
/** A page changes with every update, so that no cache may send it without asking. */
const REVALIDATED = "no-cache";

const TYPES: Record<string, string> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".map": "application/json",
  ".png": "image/png",
  ".rsc": "text/x-component",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".webmanifest": "application/manifest+json",
  ".webp": "image/webp",
  ".woff2": "font/woff2",
};
const COMPRESSIBLE = /^(text\/|application\/|image\/svg)/;
const LEAST_COMPRESSED_BYTES = 1024;

type Encoding = "br" | "gzip";
const ENCODINGS: readonly Encoding[] = ["br", "gzip"];

class SiteFile {
  readonly etag: string;
  readonly #compressed = new Map<Encoding, Promise<Buffer>>();

  constructor(
    readonly body: Buffer,
    readonly type: string,
    readonly cacheControl: string,
  ) {
    this.etag = `W/"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
  }

  /** Returns the body in the best encoding that the client accepts. */
  async encoded(accepted: string): Promise<[Buffer, Encoding | undefined]> {
    const encoding = ENCODINGS.find((name) => acceptsEncoding(accepted, name));
    if (!encoding || this.body.byteLength < LEAST_COMPRESSED_BYTES || !COMPRESSIBLE.test(this.type)) {
      return [this.body, undefined];
    }
    let compressed = this.#compressed.get(encoding);
    if (!compressed) {
      compressed = compress(this.body, encoding);
      this.#compressed.set(encoding, compressed);
    }
    return [await compressed, encoding];
  }
}

function compress(body: Buffer, encoding: Encoding): Promise<Buffer> {
  if (encoding === "gzip") return promisify(gzip)(body, { level: 9 });
  return promisify(brotliCompress)(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } });
}

interface Manifest {
  routes: Record<string, { initialHeaders?: Record<string, string> }>;
}

/** The pages and files of a build of Next.js in a folder, as `output: "standalone"` writes it. */
export class Site {
  readonly #files = new Map<string, SiteFile>();
  /** What Next.js's router asks for: a page's data, or the data of a part of it. */
  readonly #data = new Map<string, SiteFile>();
  readonly #notFound: SiteFile;

  /** @throws Error if the folder contains no build. */
  constructor(folder: string) {
    const pages = path.join(folder, ".next/server/app");
    const read = (file: string, cacheControl: string, type = TYPES[path.extname(file)]) =>
      new SiteFile(readFileSync(file), type ?? "application/octet-stream", cacheControl);

    const manifest = path.join(folder, ".next/prerender-manifest.json");
    const { routes } = JSON.parse(readFileSync(manifest, "utf8")) as Manifest;
    for (const [route, { initialHeaders = {} }] of Object.entries(routes)) {
      if (route.startsWith("/_")) continue;
      const file = path.join(pages, route === "/" ? "index" : route);
      if (existsSync(`${file}.body`)) {
        const type = initialHeaders["content-type"];
        this.#files.set(route, read(`${file}.body`, initialHeaders["cache-control"] ?? REVALIDATED, type));
        continue;
      }
      this.#files.set(route, read(`${file}.html`, REVALIDATED));
      this.#data.set(route, read(`${file}.rsc`, REVALIDATED));
      const parts = `${file}.segments`;
      for (const part of globSync("**/*.segment.rsc", { cwd: parts })) {
        const name = part
          .split(path.sep)
          .join("/")
          .replace(/\.segment\.rsc$/, "");
        this.#data.set(`${route} /${name}`, read(path.join(parts, part), REVALIDATED));
      }
    }
    this.#addFolder(path.join(folder, ".next/static"), "/_next/static/", IMMUTABLE, read);
    this.#addFolder(path.join(folder, "public"), "/", REVALIDATED, read);
    this.#notFound = read(path.join(pages, "_not-found.html"), "no-store");
  }

  /** Returns whether the build contains something at this path. */
  has(pathname: string): boolean {
    return this.#files.has(withoutTrailingSlash(pathname));
  }

  /** Sends what the build contains at this path; the page "not found" if there is nothing. */
  async send(request: IncomingMessage, response: ServerResponse, pathname: string): Promise<void> {
    const found = this.#find(request, withoutTrailingSlash(pathname));
    const file = found ?? this.#notFound;
    for (const { key, value } of securityHeaders) response.setHeader(key, value);
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.writeHead(found ? 405 : 404, { ...(found && { allow: "GET, HEAD" }), "content-length": 0 });
      response.end();
      return;
    }
    response.setHeader("content-type", file.type);
    response.setHeader("cache-control", file.cacheControl);
    response.setHeader("vary", VARY);
    if (found) {
      response.setHeader("etag", file.etag);
      if (isCurrent(request.headers["if-none-match"], file.etag)) {
        response.writeHead(304).end();
        return;
      }
    }
    const [body, encoding] = await file.encoded(String(request.headers["accept-encoding"] ?? ""));
    if (encoding) response.setHeader("content-encoding", encoding);
    response.setHeader("content-length", body.byteLength);
    response.writeHead(found ? 200 : 404).end(request.method === "HEAD" ? undefined : body);
  }

  #find(request: IncomingMessage, pathname: string): SiteFile | undefined {
    if (!request.headers.rsc) return this.#files.get(pathname);
    const part = request.headers["next-router-segment-prefetch"];
    return this.#data.get(part ? `${pathname} ${String(part)}` : pathname);
  }

  #addFolder(
    folder: string,
    prefix: string,
    cacheControl: string,
    read: (file: string, cacheControl: string) => SiteFile,
  ): void {
    for (const entry of globSync("**", { cwd: folder, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const file = path.join(entry.parentPath, entry.name);
      const name = path.relative(folder, file).split(path.sep).join("/");
      this.#files.set(encodeURI(prefix + name), read(file, cacheControl));
    }
  }
}

function withoutTrailingSlash(pathname: string): string {
  return pathname.length > 1 ? pathname.replace(/\/$/, "") : pathname;
}

/** Returns whether a client's If-None-Match names this file (RFC 9110, section 13.1.2). */
function isCurrent(header: string | undefined, etag: string): boolean {
  if (header?.trim() === "*") return true;
  const opaque = (tag: string) => tag.trim().replace(/^W\//, "");
  return Boolean(header?.split(",").some((tag) => opaque(tag) === opaque(etag)));
}
