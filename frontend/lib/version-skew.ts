/**
 * Reloads a page whose scripts are missing. During a rollout, a page of one version may request its scripts from a
 * server of another version, which does not have them.
 */

const STORAGE_KEY = "reloaded";

/** Limit of reloads within a time, so that a permanently missing file does not cause an endless loop. */
const ATTEMPTS = 5;
const WITHIN_MS = 60_000;
const PAUSE_MS = 200;

/** Runs before the page's own scripts load or fail to load. lib/drafts.ts keeps unsent text. */
export const versionSkewScript = `addEventListener("error", function again(event) {
  try {
    var file = event.target.src || event.target.href;
    if (!file || file.indexOf("/_next/static/") < 0 || !navigator.onLine) return;
    var now = Date.now();
    var before = JSON.parse(sessionStorage.getItem("${STORAGE_KEY}") || "[]");
    var times = before.filter(function (time) { return now - time < ${WITHIN_MS} });
    removeEventListener("error", again, true);
    if (times.length >= ${ATTEMPTS}) return;
    sessionStorage.setItem("${STORAGE_KEY}", JSON.stringify(times.concat(now)));
    setTimeout(function () { location.reload() }, ${PAUSE_MS} * (times.length + 1));
  } catch (e) {}
}, true)`;
