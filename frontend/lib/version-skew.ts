/**
 * While one version replaces another, a page may come from one of them, and the server that is asked for its
 * scripts may be the other, which does not have them. Such a page would stay dead: it loads itself again.
 */

const STORAGE_KEY = "reloaded";

/** How often a page tries within a time, so that a file which is missing for good ends in a page that stays. */
const ATTEMPTS = 5;
const WITHIN_MS = 60_000;
const PAUSE_MS = 200;

/** Runs before the page's own scripts arrive, or fail to. What was being written is kept by lib/drafts.ts. */
export const versionSkewScript = `addEventListener("error", function again(event) {
  try {
    var file = event.target.src || event.target.href;
    if (!file || file.indexOf("/_next/static/") < 0) return;
    var now = Date.now();
    var before = JSON.parse(sessionStorage.getItem("${STORAGE_KEY}") || "[]");
    var times = before.filter(function (time) { return now - time < ${WITHIN_MS} });
    removeEventListener("error", again, true);
    if (times.length >= ${ATTEMPTS}) return;
    sessionStorage.setItem("${STORAGE_KEY}", JSON.stringify(times.concat(now)));
    setTimeout(function () { location.reload() }, ${PAUSE_MS} * (times.length + 1));
  } catch (e) {}
}, true)`;
