/**
 * The build id, a hash of the sources: equal sources produce equal files, and an open page notices by this id that the
 * server now runs another build.
 */
import { createHash } from "node:crypto";
import { globSync, readFileSync } from "node:fs";
import path from "node:path";

/** Generated files, and files that do not affect the build. */
const NOT_SOURCES =
  /^(?:node_modules|out|coverage|testing|image|\..*|next-env\.d\.ts|.*\.tsbuildinfo|.*\.test\..*|Dockerfile.*)$/;

/**
 * Returns the hash of all sources in a folder, as 16 hexadecimal digits.
 * @param {string} folder
 */
export function sourceHash(folder) {
  const files = globSync("**", {
    cwd: folder,
    withFileTypes: true,
    exclude: (entry) => NOT_SOURCES.test(entry.name),
  })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort();
  const hash = createHash("sha256");
  for (const file of files) {
    hash.update(`${path.relative(folder, file).replaceAll(path.sep, "/")}\0`);
    hash.update(createHash("sha256").update(readFileSync(file)).digest());
  }
  return hash.digest("hex").slice(0, 16);
}
