/**
 * Puts the browser's files beside the standalone server, which Next leaves to whoever deploys it: afterwards
 * .next/standalone is everything that runs. A static build has no server, and nothing to complete.
 */
import { cpSync, existsSync } from "node:fs";

const server = ".next/standalone";

if (process.env.BUILD_TARGET !== "static") {
  cpSync(".next/static", `${server}/.next/static`, { recursive: true });
  if (existsSync("public")) cpSync("public", `${server}/public`, { recursive: true });
}
