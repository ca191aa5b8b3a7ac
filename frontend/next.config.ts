/**
 * One code base, two outputs. BUILD_TARGET=static writes plain files to out/ for a web server that
 * proxies /api itself; without it the output is a Node server that proxies /api.
 *
 * Pages are .tsx; what needs a server (routes, instrumentation) is .ts, so that the static build
 * leaves it out by its extension alone.
 *
 * Nothing here may depend on the environment the server will run in: this file is evaluated at build.
 */
import path from "node:path";
import type { NextConfig } from "next";

const isStatic = process.env.BUILD_TARGET === "static";

// Which scripts may run stands in each page itself (scripts/page-policy.mjs).
const securityHeaders = [
  { key: "Content-Security-Policy", value: "frame-ancestors 'none'; base-uri 'none'; object-src 'none'" },
  { key: "X-Content-Type-Options", value: "nosniff" },
  { key: "X-Frame-Options", value: "DENY" },
  { key: "Referrer-Policy", value: "strict-origin-when-cross-origin" },
  { key: "Cross-Origin-Opener-Policy", value: "same-origin" },
  { key: "Permissions-Policy", value: "camera=(), microphone=(), geolocation=(), payment=(), usb=()" },
];

const config: NextConfig = {
  output: isStatic ? "export" : "standalone",
  pageExtensions: isStatic ? ["tsx"] : ["tsx", "ts"],
  poweredByHeader: false,
  reactStrictMode: true,
  // Errors are shown all the same; the badge lies over what is being looked at.
  devIndicators: false,
  // /api/x/ reaches the backend as it was asked for.
  skipTrailingSlashRedirect: true,
  // sharp is 20 MB of native code that a page without photographs never calls.
  images: { unoptimized: true },
  outputFileTracingRoot: path.resolve(import.meta.dirname),
  outputFileTracingExcludes: {
    "*": ["node_modules/sharp/**", "node_modules/@img/**"],
    "next-server": ["node_modules/sharp/**", "node_modules/@img/**"],
  },
  turbopack: { root: path.resolve(import.meta.dirname) },
  ...(isStatic ? {} : { headers: async () => [{ source: "/:path*", headers: securityHeaders }] }),
};

export default config;
