import { createAuthClient } from "better-auth/client";

/** Better Auth's client against this site's own /api/auth. */
export const authClient = createAuthClient();
