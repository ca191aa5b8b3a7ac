/**
 * The image's health check, which has neither curl nor a shell to call: exit code 0 when this machine's server
 * answers HEALTH_PATH at PORT with 200 in time.
 */
import http from "node:http";

const { PORT = "3000", HEALTH_PATH = "/api/health" } = process.env;
/** Milliseconds; health within a second is what the server promises. */
const TIMEOUT = 4_000;

http
  .get({ host: "127.0.0.1", port: PORT, path: HEALTH_PATH, agent: false, timeout: TIMEOUT }, (response) => {
    response.resume();
    if (response.statusCode !== 200) fail(`answered ${response.statusCode}`);
  })
  .on("timeout", () => fail("did not answer in time"))
  .on("error", (error) => fail(error.message));

/** @param {string} what */
function fail(what) {
  process.stderr.write(`${HEALTH_PATH} ${what}\n`);
  process.exit(1);
}
