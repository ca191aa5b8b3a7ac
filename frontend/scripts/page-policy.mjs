/**
 * The content security policy of a built page. The inline scripts of Next.js are known at build time: the policy
 * allows each by its hash and blocks all others.
 */
import { createHash } from "node:crypto";

/** The position of the policy: before everything that it applies to. */
const CHARSET = /<meta charset="utf-8"\s*\/?>/i;

/**
 * Returns the page with its policy.
 * @param {string} html a whole page, as Next.js wrote it
 * @throws {Error} if the page has no position for the policy
 */
export function withPolicy(html) {
  const charset = CHARSET.exec(html);
  if (!charset) throw new Error("the page has no <meta charset>, after which its policy belongs");
  const at = charset.index + charset[0].length;
  const policy = `<meta http-equiv="Content-Security-Policy" content="${contentSecurityPolicy(html)}"/>`;
  return html.slice(0, at) + policy + html.slice(at);
}

/**
 * Returns the policy that allows exactly the inline scripts of a page.
 * @param {string} html
 */
export function contentSecurityPolicy(html) {
  const inline = html.matchAll(/<script(?![^>]*\ssrc=)[^>]*>([\s\S]*?)<\/script>/g);
  const hashes = new Set([...inline].map(([, script = ""]) => `'sha256-${sha256(script)}'`));
  return [
    "default-src 'self'",
    ["script-src 'self'", ...hashes].join(" "),
    // Menus are positioned with style attributes.
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
