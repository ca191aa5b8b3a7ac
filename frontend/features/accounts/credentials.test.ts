// @vitest-environment node
import { describe, expect, it } from "vitest";
import { checkCredentials, explainRefusal } from "./credentials";

describe("validating credentials", () => {
  it("accepts a complete new account", () => {
    expect(checkCredentials({ name: "Ada", email: " ada@example.com ", password: "12345678" })).toEqual({});
  });

  it("reports each missing or invalid field", () => {
    expect(Object.keys(checkCredentials({ name: " ", email: "ada@", password: "1234567" }))).toEqual([
      "name",
      "email",
      "password",
    ]);
    expect(checkCredentials({ name: "Ada", email: "a@b.c", password: "x".repeat(129) })).toHaveProperty(
      "password",
    );
  });

  it("requires only that an existing password is not empty", () => {
    expect(checkCredentials({ email: "a@b.c", password: "old" })).toEqual({});
    expect(checkCredentials({ email: "a@b.c", password: "" })).toHaveProperty("password");
  });
});

describe("explaining an error of the server", () => {
  it("assigns the message to the field that caused the error", () => {
    expect(
      explainRefusal({ status: 422, code: "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL" }, null),
    ).toHaveProperty("email");
    expect(explainRefusal({ status: 401, code: "INVALID_EMAIL_OR_PASSWORD" }, null)).toHaveProperty(
      "password",
    );
    expect(explainRefusal({ status: 400, code: "PASSWORD_TOO_SHORT" }, null)).toHaveProperty("password");
  });

  it("reports how long to wait after too many attempts", () => {
    expect(explainRefusal({ status: 429 }, 7).form).toBe("Too many attempts. Try again in 7 s.");
  });

  it("shows the server's message for any other error", () => {
    expect(explainRefusal({ status: 502, message: "The service is away." }, null).form).toBe(
      "The service is away.",
    );
    expect(explainRefusal({ status: 0 }, null).form).toMatch(/^No connection/);
  });
});
