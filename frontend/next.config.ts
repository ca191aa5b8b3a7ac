/**
 * One code base, two outputs. BUILD_TARGET=static writes plain files to out/ for a web server that proxies /api
 * itself; otherwise the output is a Node.js server that proxies /api.
 *
 * Pages are .tsx; code that needs a server (routes, instrumentation) is .ts, so that the static build excludes it by
 * its extension.
 *
 * This file is evaluated at build time: nothing here may depend on the environment of the running server.
 */
import path from "node:path";
import type { NextConfig } from "next";
import { securityHeaders } from "./lib/server/security-headers.ts";
import { sourceHash } from "./scripts/source-hash.mjs";

const isStatic = process.env.BUILD_TARGET === "static";

// Files that Next.js's tracing includes but the server never loads: half of its files.
const next = "node_modules/next/dist";
const notLoaded = [
  // This application does not resize or generate images.
  "node_modules/{sharp,@img}/**",
  `${next}/server/og/**`,
  // It uses system fonts.
  `${next}/server/capsize-font-metrics.json`,
  // It does not use the edge runtime.
  `${next}/compiled/{@edge-runtime/{ponyfill,primitives},edge-runtime}/**`,
  `${next}/server/web/sandbox/**`,
  // Next.js renders with its own bundle of React, not with the experimental one.
  "node_modules/react-dom/cjs/react-dom-server*",
  `${next}/compiled/next-server/app-page-turbo-experimental.*`,
  // Only `next dev` and `next build` use these.
  `${next}/server/dev/{hot-reloader-*pack,*middleware*,*-pool,*-worker,on-demand*,turbopack-*}.js`,
  `${next}/server/dev/browser-logs/{receive-logs,source-map}.js`,
  `${next}/server/typescript/**`,
  `${next}/server/mcp/{*,tools/{get,compile}-*,tools/utils/*}.js`,
  `${next}/{lib/typescript/diagnosticFormatter,shared/lib/errors/code-frame}.js`,
  `${next}/server/lib/router-utils/typegen.js`,
  `${next}/build/{define-env,nft,utils,swc/*,static-paths/app,static-paths/pages}.js`,
  `${next}/compiled/{conf,tar,watchpack,ws,@mswjs}/**`,
];

// For the development server: the hosts that browsers may use besides localhost, and a build folder of its own,
// because a second server cannot use the first one's.
const allowedHosts = process.env.DEV_ALLOWED_HOSTS;
const buildFolder = process.env.DEV_BUILD_FOLDER;

const config: NextConfig = {
  ...(allowedHosts ? { allowedDevOrigins: allowedHosts.split(",") } : {}),
  ...(buildFolder ? { distDir: `.next/cache/${buildFolder}` } : {}),
  output: isStatic ? "export" : "standalone",
  pageExtensions: isStatic ? ["tsx"] : ["tsx", "ts"],
  poweredByHeader: false,
  reactStrictMode: true,
  // The badge covers the page. Errors appear without it.
  devIndicators: false,
  // /api/x/ reaches the backend unchanged.
  skipTrailingSlashRedirect: true,
  // Without a size, Next.js creates a folder for resized images, which fails on a read-only disk.
  images: { unoptimized: true, maximumDiskCacheSize: 0 },
  generateBuildId: () => sourceHash(import.meta.dirname),
  // `npm run typecheck` checks types.
  typescript: { ignoreBuildErrors: true },
  // Next.js writes the number of processors into the build, which would differ between machines.
  // With strict route types it does not add the build folder to tsconfig.json.
  experimental: { cpus: 1, strictRouteTypes: Boolean(buildFolder) },
  outputFileTracingRoot: path.resolve(import.meta.dirname),
  outputFileTracingExcludes: { "*": notLoaded, "next-server": notLoaded },
  turbopack: { root: path.resolve(import.meta.dirname) },
  ...(isStatic ? {} : { headers: async () => [{ source: "/:path*", headers: securityHeaders }] }),
};

export default config;
