// @vitest-environment node
import { describe, expect, it } from "vitest";
import { checkCredentials, explainRefusal } from "./credentials";

describe("checking what was typed", () => {
  it("accepts a new account that is complete", () => {
    expect(checkCredentials({ name: "Ada", email: " ada@example.com ", password: "12345678" })).toEqual({});
  });

  it("names each field that is missing or wrong", () => {
    expect(Object.keys(checkCredentials({ name: " ", email: "ada@", password: "1234567" }))).toEqual([
      "name",
      "email",
      "password",
    ]);
    expect(checkCredentials({ name: "Ada", email: "a@b.c", password: "x".repeat(129) })).toHaveProperty(
      "password",
    );
  });

  it("asks nothing of an existing password but that it is there", () => {
    expect(checkCredentials({ email: "a@b.c", password: "old" })).toEqual({});
    expect(checkCredentials({ email: "a@b.c", password: "" })).toHaveProperty("password");
  });
});

describe("explaining a refusal", () => {
  it("puts the server's reasons beside the field they are about", () => {
    expect(
      explainRefusal({ status: 422, code: "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL" }, null),
    ).toHaveProperty("email");
    expect(explainRefusal({ status: 401, code: "INVALID_EMAIL_OR_PASSWORD" }, null)).toHaveProperty(
      "password",
    );
    expect(explainRefusal({ status: 400, code: "PASSWORD_TOO_SHORT" }, null)).toHaveProperty("password");
  });

  it("says how long to wait after too many tries", () => {
    expect(explainRefusal({ status: 429 }, 7).form).toBe("Too many tries in a row. Try again in 7 s.");
  });

  it("passes on what else the server says", () => {
    expect(explainRefusal({ status: 502, message: "The service is away." }, null).form).toBe(
      "The service is away.",
    );
    expect(explainRefusal({ status: 0 }, null).form).toMatch(/^No connection/);
  });
});
