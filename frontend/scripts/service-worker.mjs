/**
 * The service worker of a build: its version, and the files with which the application starts without a connection.
 */
import { createHash } from "node:crypto";
import { globSync, readFileSync } from "node:fs";
import path from "node:path";

/**
 * Returns the source of a build's service worker.
 * @param {object} build
 * @param {string} build.source lib/service-worker.js
 * @param {string} build.staticFolder the folder of /_next/static
 * @param {readonly string[]} build.polyfills scripts that no supported browser loads
 * @param {Record<string, string>} build.pages the file of each page's path
 */
export function serviceWorkerOf({ source, staticFolder, polyfills, pages }) {
  const files = globSync("**/*.{js,css}", { cwd: staticFolder })
    .map((file) => `/_next/static/${file.split(path.sep).join("/")}`)
    .filter((file) => !polyfills.some((polyfill) => file.endsWith(polyfill)) && !/Manifest\.js$/.test(file))
    .sort();
  const paths = Object.keys(pages).sort();
  const digest = createHash("sha256").update(source).update(files.join());
  for (const page of paths) digest.update(readFileSync(pages[page] ?? ""));
  return source
    .replace('"@VERSION@"', JSON.stringify(digest.digest("hex").slice(0, 16)))
    .replace('["@FILES@"]', JSON.stringify([...paths, ...files]));
}
