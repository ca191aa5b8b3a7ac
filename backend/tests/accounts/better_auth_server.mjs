// A real Better Auth server, whose responses conversation.py records.
import { createServer } from "node:http";
import { DatabaseSync } from "node:sqlite";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import { bearer, jwt } from "better-auth/plugins";

const [port = "41001", file = ":memory:"] = process.argv.slice(2);
const options = {
  database: new DatabaseSync(file),
  baseURL: "http://localhost:3000",
  secret: "recorded with this secret, which protects nothing",
  emailAndPassword: { enabled: true, sendResetPassword: async () => {} },
  user: { deleteUser: { enabled: true } },
  plugins: [bearer({ requireSignature: true }), jwt()],
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  logger: { disabled: true },
};
await (await getMigrations(options)).runMigrations();
createServer(toNodeHandler(betterAuth(options))).listen(Number(port), "127.0.0.1");
