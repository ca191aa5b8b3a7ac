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
import { sourceHash } from "./scripts/source-hash.mjs";

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

// What Next's tracing takes for needed: half of the server's files, which it never loads.
const next = "node_modules/next/dist";
const notLoaded = [
  // Photographs are neither resized nor drawn here.
  "node_modules/{sharp,@img}/**",
  `${next}/server/og/**`,
  // Fonts are the system's own.
  `${next}/server/capsize-font-metrics.json`,
  // There is no edge runtime.
  `${next}/compiled/{@edge-runtime/{ponyfill,primitives},edge-runtime}/**`,
  `${next}/server/web/sandbox/**`,
  // Pages are rendered by what Next has bundled, and not by its experimental bundle.
  "node_modules/react-dom/cjs/react-dom-server*",
  `${next}/compiled/next-server/app-page-turbo-experimental.*`,
  // Only `next dev` and `next build` do these.
  `${next}/server/dev/{hot-reloader-*pack,*middleware*,*-pool,*-worker,on-demand*,turbopack-*}.js`,
  `${next}/server/dev/browser-logs/{receive-logs,source-map}.js`,
  `${next}/server/typescript/**`,
  `${next}/server/mcp/{*,tools/{get,compile}-*,tools/utils/*}.js`,
  `${next}/{lib/typescript/diagnosticFormatter,shared/lib/errors/code-frame}.js`,
  `${next}/server/lib/router-utils/typegen.js`,
  `${next}/build/{define-env,nft,utils,swc/*,static-paths/app,static-paths/pages}.js`,
  `${next}/compiled/{conf,tar,watchpack,ws,@mswjs}/**`,
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
  // Without a size Next makes a folder for resized images at the first question, which a read-only disk refuses.
  images: { unoptimized: true, maximumDiskCacheSize: 0 },
  generateBuildId: () => sourceHash(import.meta.dirname),
  // `npm run typecheck` does that; a build would only do it a second time.
  typescript: { ignoreBuildErrors: true },
  // The number of processors is written into the build, and would make it differ between machines.
  experimental: { cpus: 1 },
  outputFileTracingRoot: path.resolve(import.meta.dirname),
  outputFileTracingExcludes: { "*": notLoaded, "next-server": notLoaded },
  turbopack: { root: path.resolve(import.meta.dirname) },
  ...(isStatic ? {} : { headers: async () => [{ source: "/:path*", headers: securityHeaders }] }),
};

export default config;
