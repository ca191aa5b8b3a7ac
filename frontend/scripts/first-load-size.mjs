/**
 * Measures the JavaScript of a first visit: starts the built server, loads each page, and sums the gzipped size of its
 * scripts. Fails if a page exceeds the budget.
 *
 * Scripts with the nomodule attribute do not count: no browser that supports this application loads them.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { gzipSync } from "node:zlib";

const PAGES = ["/", "/settings", "/insights", "/sign-in", "/sign-up", "/forgot-password", "/reset-password"];
const BUDGET_KB = 190;

async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (probe.address());
  probe.close();
  await once(probe, "close");
  return port;
}

/** @param {string} address */
async function answering(address) {
  for (let attempt = 0; attempt < 100; attempt++) {
    const response = await fetch(`${address}/health`).catch(() => null);
    if (response?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("The server did not start. Run `npm run build` first.");
}

/**
 * Fetches what must exist: a missing script would count as a small one.
 * @param {string} address
 */
async function found(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address} answers ${response.status}. Build first: npm run build`);
  return response;
}

/**
 * @param {string} address
 * @param {string} page
 */
async function firstLoad(address, page) {
  const html = await (await found(address + page)).text();
  const scripts = new Set();
  for (const [tag] of html.matchAll(/<script\b[^>]*>/g)) {
    const source = /\bsrc="([^"]+)"/.exec(tag)?.[1];
    if (source && !/\bnomodule\b/i.test(tag)) scripts.add(source);
  }
  let bytes = 0;
  for (const source of scripts) {
    const script = await (await found(new URL(source, address).href)).arrayBuffer();
    bytes += gzipSync(Buffer.from(script)).byteLength;
  }
  return { scripts: scripts.size, kilobytes: bytes / 1000 };
}

const port = await freePort();
const server = spawn(process.execPath, [".next/standalone/server.js"], {
  env: { ...process.env, PORT: String(port), HOSTNAME: "127.0.0.1" },
  stdio: ["ignore", "ignore", "inherit"],
});
try {
  const address = `http://127.0.0.1:${port}`;
  await answering(address);
  for (const page of PAGES) {
    const { scripts, kilobytes } = await firstLoad(address, page);
    const verdict = kilobytes <= BUDGET_KB ? "within" : "OVER";
    console.log(
      `${page.padEnd(16)} ${kilobytes.toFixed(1).padStart(6)} kB gzipped in ${scripts} scripts, ${verdict} the budget of ${BUDGET_KB} kB`,
    );
    if (kilobytes > BUDGET_KB) process.exitCode = 1;
  }
} finally {
  server.kill();
}
