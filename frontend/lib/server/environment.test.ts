// @vitest-environment node
import { beforeEach, describe, expect, it, vi } from "vitest";
import { backendAddress, version } from "./environment";

beforeEach(() => {
  for (const name of ["API_URL", "NEXT_PUBLIC_API_URL", "VERSION"]) vi.stubEnv(name, undefined);
});

describe("the backend's address", () => {
  it("defaults to the local backend", () => {
    expect(backendAddress().href).toBe("http://127.0.0.1:8000/");
  });

  it("prefers API_URL to NEXT_PUBLIC_API_URL, and ignores empty values", () => {
    vi.stubEnv("NEXT_PUBLIC_API_URL", "http://todo-backend-service:8080");
    expect(backendAddress().host).toBe("todo-backend-service:8080");
    vi.stubEnv("API_URL", "");
    expect(backendAddress().host).toBe("todo-backend-service:8080");
    vi.stubEnv("API_URL", "https://api.example/v1");
    expect(backendAddress().href).toBe("https://api.example/v1");
  });

  it.each(["backend:8000", "ftp://backend", "not a url"])(
    "rejects %s without repeating the value",
    (value) => {
      vi.stubEnv("API_URL", value);
      expect(backendAddress).toThrow(/^API_URL is not an http or https address, such as/);
    },
  );
});

describe("the version", () => {
  it("is VERSION, or the version of the package", () => {
    expect(version()).toMatch(/^v\d+\.\d+\.\d+$/);
    vi.stubEnv("VERSION", "v9.8.7");
    expect(version()).toBe("v9.8.7");
  });
});
