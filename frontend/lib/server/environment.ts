/**
 * The environment of the running server. Variables are read by a computed name, because Next.js replaces
 * `process.env.NEXT_PUBLIC_X` with the value at build time, and one build serves every environment.
 */
import packageJson from "../../package.json" with { type: "json" };

/** Returns a variable's value; an empty string counts as unset. */
function read(name: string): string | undefined {
  return process.env[name] || undefined;
}

/**
 * Returns the backend's address.
 * @throws TypeError if the configured value is not an http or https address.
 */
export function backendAddress(): URL {
  const value = read("API_URL") ?? read("NEXT_PUBLIC_API_URL") ?? "http://127.0.0.1:8000";
  const address = URL.parse(value);
  if (!address || !/^https?:$/.test(address.protocol)) {
    throw new TypeError("API_URL is not an http or https address, such as http://127.0.0.1:8000");
  }
  return address;
}

/** Returns the version that the health endpoints report, in the form v1.0.0. */
export function version(): string {
  return read("VERSION") ?? `v${packageJson.version}`;
}
