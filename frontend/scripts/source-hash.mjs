/**
 * The name of a build, from what it is made of: equal sources give equal files, and a page that is still open
 * while the server is replaced notices by this name that it is talking to another build.
 */
import { createHash } from "node:crypto";
import { globSync, readFileSync } from "node:fs";
import path from "node:path";

/** Made by the build or for the editor, or of no consequence for what is built. */
const NOT_SOURCES =
  /^(?:node_modules|out|coverage|testing|\..*|next-env\.d\.ts|.*\.tsbuildinfo|.*\.test\..*|Dockerfile.*)$/;

/**
 * Returns the hash of all sources below a folder, as 16 hexadecimal digits.
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
