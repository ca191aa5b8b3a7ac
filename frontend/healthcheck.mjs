/**
 * The image's health check, because the image contains neither curl nor a shell. Exits with 0 if the local server
 * answers HEALTH_PATH on PORT with 200 in time.
 */
import http from "node:http";

const { PORT = "3000", HEALTH_PATH = "/api/health" } = process.env;
/** The server is expected to answer within a second. */
const TIMEOUT_MS = 4_000;

http
  .get(
    { host: "127.0.0.1", port: PORT, path: HEALTH_PATH, agent: false, timeout: TIMEOUT_MS },
    (response) => {
      response.resume();
      if (response.statusCode !== 200) fail(`answered ${response.statusCode}`);
    },
  )
  .on("timeout", () => fail("did not answer in time"))
  .on("error", (error) => fail(error.message));

/** @param {string} reason */
function fail(reason) {
  process.stderr.write(`${HEALTH_PATH} ${reason}\n`);
  process.exit(1);
}
