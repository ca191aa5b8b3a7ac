/**
 * Measures the JavaScript that a first visit loads: starts the built server, reads each page as a browser
 * does, and adds up the gzipped scripts that the page names. Fails where a page is beyond the budget.
 *
 * Scripts marked nomodule are left out: no browser that runs this application loads them.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { gzipSync } from "node:zlib";

const PAGES = ["/", "/sign-in", "/sign-up"];
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
 * @param {string} address
 * @param {string} page
 */
async function firstLoad(address, page) {
  const html = await (await fetch(address + page)).text();
  const scripts = new Set();
  for (const [tag] of html.matchAll(/<script\b[^>]*>/g)) {
    const source = /\bsrc="([^"]+)"/.exec(tag)?.[1];
    if (source && !/\bnomodule\b/i.test(tag)) scripts.add(source);
  }
  let bytes = 0;
  for (const source of scripts) {
    const script = await (await fetch(new URL(source, address))).arrayBuffer();
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
    const verdict = kilobytes <= BUDGET_KB ? "within" : "BEYOND";
    console.log(
      `${page.padEnd(10)} ${kilobytes.toFixed(1).padStart(6)} kB gzipped in ${scripts} scripts, ${verdict} ${BUDGET_KB}`,
    );
    if (kilobytes > BUDGET_KB) process.exitCode = 1;
  }
} finally {
  server.kill();
}
