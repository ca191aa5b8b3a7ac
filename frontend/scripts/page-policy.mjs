/**
 * The content security policy of a built page. Pages are made at build, so the inline scripts that Next needs
 * are known then: the policy names each by its hash, and lets nothing else run.
 */
import { createHash } from "node:crypto";

/** Matches where the policy goes: before anything that it is to govern. */
const CHARSET = /<meta charset="utf-8"\s*\/?>/i;

/**
 * Returns the page with its policy.
 * @param {string} html a whole page, as Next wrote it
 * @throws {Error} when the page does not begin as expected, and so would go without
 */
export function withPolicy(html) {
  const charset = CHARSET.exec(html);
  if (!charset) throw new Error("the page has no <meta charset> to put its policy behind");
  const at = charset.index + charset[0].length;
  const policy = `<meta http-equiv="Content-Security-Policy" content="${contentSecurityPolicy(html)}"/>`;
  return html.slice(0, at) + policy + html.slice(at);
}

/**
 * Returns the policy that lets exactly the inline scripts of a page run.
 * @param {string} html
 */
export function contentSecurityPolicy(html) {
  const inline = html.matchAll(/<script(?![^>]*\ssrc=)[^>]*>([\s\S]*?)<\/script>/g);
  const hashes = new Set([...inline].map(([, script = ""]) => `'sha256-${sha256(script)}'`));
  return [
    "default-src 'self'",
    ["script-src 'self'", ...hashes].join(" "),
    // The positions of menus are set as style attributes.
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
  ].join("; ");
}

/** @param {string} text */
function sha256(text) {
  return createHash("sha256").update(text).digest("base64");
}
