/** Runs once when Next.js's server starts. In production, server.ts is in front of it and does this work. */
export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME === "nodejs" && process.env.NODE_ENV === "development") {
    const { trackClientAddresses } = await import("./lib/server/client-address");
    const { answerApiInFront } = await import("./lib/server/development");
    const { backendAddress } = await import("./lib/server/environment");
    trackClientAddresses({ behindProxy: process.env.BEHIND_PROXY !== "no" });
    answerApiInFront(backendAddress);
  }
}
