/**
 * Completes `next build`: adds the content security policy to each page, writes the service worker, copies the browser's files and server.ts to
 * .next/standalone, so that it contains everything that runs, and removes the generated keys.
 */
import { cpSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import ts from "typescript";
import { withPolicy } from "./page-policy.mjs";
import { serviceWorkerOf } from "./service-worker.mjs";
import { withoutKeys } from "./without-keys.mjs";

const isStatic = process.env.BUILD_TARGET === "static";
const server = ".next/standalone";
const pagesFolder = isStatic ? "out" : `${server}/.next/server`;

const pages = globSync("**/*.html", { cwd: pagesFolder }).map((file) => path.join(pagesFolder, file));

/** @type {Record<string, string>} */
const routes = JSON.parse(readFileSync(".next/app-path-routes-manifest.json", "utf8"));
/** @type {Record<string, string>} */
const pageFiles = {};
for (const [file, route] of Object.entries(routes)) {
  if (!file.endsWith("/page") || route.startsWith("/_")) continue;
  const page = path.join(pagesFolder, isStatic ? "" : "app", route === "/" ? "index.html" : `${route}.html`);
  // A page that is rendered per request would have no policy: fail the build.
  if (!pages.includes(page)) throw new Error(`${route} is not a static page: there is no ${page}`);
  pageFiles[route] = page;
}

for (const page of pages) writeFileSync(page, withPolicy(readFileSync(page, "utf8")));

/** @type {{ polyfillFiles: string[] }} */
const { polyfillFiles } = JSON.parse(readFileSync(".next/build-manifest.json", "utf8"));
const publicFolder = isStatic ? "out" : `${server}/public`;
mkdirSync(publicFolder, { recursive: true });
writeFileSync(
  `${publicFolder}/sw.js`,
  serviceWorkerOf({
    source: readFileSync("lib/service-worker.js", "utf8"),
    staticFolder: ".next/static",
    polyfills: polyfillFiles,
    pages: pageFiles,
  }),
);

if (!isStatic) {
  cpSync(".next/static", `${server}/.next/static`, { recursive: true });
  // A key in a build is public and makes builds of the same sources differ.
  for (const file of globSync(["prerender-manifest.json", "server/**/*-{manifest,props}.{js,json}"], {
    cwd: `${server}/.next`,
  })) {
    const manifest = path.join(server, ".next", file);
    writeFileSync(manifest, withoutKeys(readFileSync(manifest, "utf8")));
  }
  cpSync("public", publicFolder, { recursive: true });

  // In place of the server that Next.js generates.
  for (const file of ["server.ts", ...globSync("lib/server/*.ts")]) {
    if (/development|\.test\.ts$/.test(file)) continue;
    const target = path.join(server, file.replace(/\.ts$/, ".js"));
    mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(target, javascript(readFileSync(file, "utf8")));
  }
}

/** @param {string} source */
function javascript(source) {
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: {
      module: ts.ModuleKind.ESNext,
      target: ts.ScriptTarget.ES2023,
      verbatimModuleSyntax: true,
      rewriteRelativeImportExtensions: true,
    },
  });
  return outputText;
}
