/**
 * Completes `next build`: adds the content security policy to each page, copies the browser's files and server.ts to
 * .next/standalone, so that it contains everything that runs, and removes the generated keys.
 */
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import ts from "typescript";
import { withPolicy } from "./page-policy.mjs";
import { withoutKeys } from "./without-keys.mjs";

const isStatic = process.env.BUILD_TARGET === "static";
const server = ".next/standalone";
const pagesFolder = isStatic ? "out" : `${server}/.next/server`;

const pages = globSync("**/*.html", { cwd: pagesFolder }).map((file) => path.join(pagesFolder, file));

// A page that is rendered per request would have no policy: fail the build.
/** @type {Record<string, string>} */
const routes = JSON.parse(readFileSync(".next/app-path-routes-manifest.json", "utf8"));
for (const [file, route] of Object.entries(routes)) {
  const isPage = file.endsWith("/page") && !route.startsWith("/_");
  const page = path.join(pagesFolder, isStatic ? "" : "app", route === "/" ? "index.html" : `${route}.html`);
  if (isPage && !pages.includes(page)) throw new Error(`${route} is not a static page: there is no ${page}`);
}

for (const page of pages) writeFileSync(page, withPolicy(readFileSync(page, "utf8")));

if (!isStatic) {
  cpSync(".next/static", `${server}/.next/static`, { recursive: true });
  // A key in a build is public and makes builds of the same sources differ.
  for (const file of globSync(["prerender-manifest.json", "server/**/*-{manifest,props}.{js,json}"], {
    cwd: `${server}/.next`,
  })) {
    const manifest = path.join(server, ".next", file);
    writeFileSync(manifest, withoutKeys(readFileSync(manifest, "utf8")));
  }
  if (existsSync("public")) cpSync("public", `${server}/public`, { recursive: true });

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
