/** Returns whether a client accepts a content encoding (RFC 9110, section 12.5.3), by its Accept-Encoding header. */
export function acceptsEncoding(accepted: string, encoding: string): boolean {
  return accepted.split(",").some((item) => {
    const [name, ...parameters] = item.split(";").map((part) => part.trim().toLowerCase());
    return name === encoding && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
}
