import react from "@vitejs/plugin-react";
import path from "node:path";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { "@": path.resolve(import.meta.dirname) } },
  test: {
    // One process per test file, so that a test can change the time zone.
    pool: "forks",
    setupFiles: ["testing/setup.ts"],
    include: ["**/*.test.{ts,tsx,mjs}"],
    exclude: ["node_modules/**", ".next/**", "out/**"],
    // Some tests wait for seconds, and a busy machine needs longer.
    testTimeout: 20_000,
    restoreMocks: true,
    unstubEnvs: true,
  },
});
