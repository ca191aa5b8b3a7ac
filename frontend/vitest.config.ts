import react from "@vitejs/plugin-react";
import path from "node:path";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { "@": path.resolve(import.meta.dirname) } },
  test: {
    // A process a file: the time zone can be changed within one.
    pool: "forks",
    setupFiles: ["testing/setup.ts"],
    include: ["**/*.test.{ts,tsx,mjs}"],
    exclude: ["node_modules/**", ".next/**", "out/**"],
    restoreMocks: true,
    unstubEnvs: true,
  },
});
