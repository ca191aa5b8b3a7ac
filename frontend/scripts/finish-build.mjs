/**
 * What is left to do after `next build`: give each page its content security policy, put the browser's files
 * beside the standalone server, so that .next/standalone is everything that runs, and take its secrets out.
 */
import { cpSync, existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { withPolicy } from "./page-policy.mjs";
import { withoutKeys } from "./without-keys.mjs";

const isStatic = process.env.BUILD_TARGET === "static";
const server = ".next/standalone";
const pagesFolder = isStatic ? "out" : `${server}/.next/server`;

const pages = globSync("**/*.html", { cwd: pagesFolder }).map((file) => path.join(pagesFolder, file));

// A page that is rendered per request would have no policy: that is not to happen unnoticed.
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
  // A key in a build is known to everyone who has it, and makes two builds of the same sources differ.
  for (const file of globSync(["prerender-manifest.json", "server/**/*-{manifest,props}.{js,json}"], {
    cwd: `${server}/.next`,
  })) {
    const manifest = path.join(server, ".next", file);
    writeFileSync(manifest, withoutKeys(readFileSync(manifest, "utf8")));
  }
  if (existsSync("public")) cpSync("public", `${server}/public`, { recursive: true });
}
