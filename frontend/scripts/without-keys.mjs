/**
 * Next makes keys at build for draft mode, on-demand revalidation and server actions, and writes them into
 * what is deployed. Nothing here uses them, but who knows the first may have every page made anew, at will.
 */

const KEY =
  /("(?:previewModeId|previewModeSigningKey|previewModeEncryptionKey|encryptionKey)"\s*:\s*)"[^"]*"/g;
const QUOTED_KEY = /(\\"encryptionKey\\"\s*:\s*)\\"[^"\\]*\\"/g;

/**
 * Returns a manifest with `false` in place of each key. No header and no cookie is ever equal to that: a
 * missing one is null or undefined, and every other is text.
 * @param {string} manifest JSON, or JavaScript that holds JSON in a string
 */
export function withoutKeys(manifest) {
  return manifest.replace(KEY, "$1false").replace(QUOTED_KEY, "$1false");
}
