/**
 * Removes the keys that Next.js generates at build time for draft mode, on-demand revalidation and server actions.
 * This application uses none of them, but anyone with the first key could trigger a revalidation of every page.
 */

const KEY =
  /("(?:previewModeId|previewModeSigningKey|previewModeEncryptionKey|encryptionKey)"\s*:\s*)"[^"]*"/g;
const QUOTED_KEY = /(\\"encryptionKey\\"\s*:\s*)\\"[^"\\]*\\"/g;

/**
 * Returns a manifest with `false` in place of each key. No header or cookie equals `false`: a missing one is null
 * or undefined, and any other is text.
 * @param {string} manifest JSON, or JavaScript that holds JSON in a string
 */
export function withoutKeys(manifest) {
  return manifest.replace(KEY, "$1false").replace(QUOTED_KEY, "$1false");
}
