/** Runs once at startup, before the server accepts requests. */
export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME === "nodejs") {
    const { trackClientAddresses } = await import("./lib/server/client-address");
    const { answerApi } = await import("./lib/server/backend-proxy");
    const { backendAddress } = await import("./lib/server/environment");
    const { drainOnSigterm } = await import("./lib/server/draining");
    trackClientAddresses({ behindProxy: process.env.BEHIND_PROXY !== "no" });
    answerApi(backendAddress);
    const seconds = Number(process.env.DRAIN_SECONDS);
    if (seconds > 0) drainOnSigterm(seconds);
  }
}
