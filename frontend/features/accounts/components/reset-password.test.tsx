// @vitest-environment jsdom
import { render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { ForgotPasswordForm } from "./forgot-password-form";
import { ResetPasswordForm } from "./reset-password-form";

const address = vi.hoisted(() => ({ query: "" }));
vi.mock("next/navigation", () => ({ useSearchParams: () => new URLSearchParams(address.query) }));

// Better Auth's client stores fetch when it is imported, so replace it before.
const network = vi.hoisted(() => {
  const network = { calls: [] as unknown[], answer: () => new Response() };
  globalThis.fetch = async (input, init) => {
    const path = new URL(input instanceof Request ? input.url : input, "http://localhost").pathname;
    network.calls.push([path, JSON.parse(String(init?.body))]);
    return network.answer();
  };
  return network;
});
const refuse = (code: string) => () => Response.json({ code, message: "x" }, { status: 400 });

beforeEach(() => {
  network.calls.length = 0;
  network.answer = () => Response.json({ status: true });
});

describe("asking for a link", () => {
  async function ask(email: string) {
    render(<ForgotPasswordForm />);
    await userEvent.type(screen.getByLabelText("Email"), email);
    await userEvent.click(screen.getByRole("button", { name: "Send link" }));
  }

  it("says that a link is on its way, whether or not there is an account", async () => {
    await ask(" ada@example.com ");
    expect(await screen.findByRole("status")).toHaveTextContent("If ada@example.com has an account");
    expect(network.calls).toEqual([
      ["/api/auth/request-password-reset", { email: "ada@example.com", redirectTo: "/reset-password" }],
    ]);
  });

  it("names who can help where the server sends no email", async () => {
    network.answer = refuse("RESET_PASSWORD_DISABLED");
    await ask("ada@example.com");
    expect(await screen.findByRole("alert")).toHaveTextContent("Ask the person who runs it");
  });

  it("reports an address that cannot be right at its field", async () => {
    await ask("ada");
    expect(screen.getByLabelText("Email")).toHaveFocus();
    expect(screen.getByLabelText("Email")).toBeInvalid();
    expect(network.calls).toEqual([]);
  });
});

describe("choosing a new password", () => {
  const onDone = vi.fn();

  async function choose(password: string) {
    address.query = "token=secret";
    window.history.replaceState(null, "", "/reset-password?token=secret");
    onDone.mockReset();
    render(<ResetPasswordForm onDone={onDone} />);
    await userEvent.type(screen.getByLabelText("New password"), password);
    await userEvent.click(screen.getByRole("button", { name: "Set password" }));
  }

  it("sends the token and keeps it out of the address", async () => {
    await choose("a better horse");
    await waitFor(() => expect(onDone).toHaveBeenCalled());
    expect(network.calls).toEqual([
      ["/api/auth/reset-password", { newPassword: "a better horse", token: "secret" }],
    ]);
    expect(window.location.href).not.toContain("secret");
  });

  it("reports a password that is too short at its field", async () => {
    await choose("short");
    expect(screen.getByLabelText("New password")).toHaveAccessibleDescription("Use at least 8 characters.");
    expect(screen.getByLabelText("New password")).toHaveFocus();
    expect(network.calls).toEqual([]);
  });

  it.each([["secret"], [""]])("offers a new link for one that does not work (%s)", async (token) => {
    network.answer = refuse("INVALID_TOKEN");
    if (token) await choose("a better horse");
    else {
      address.query = "error=INVALID_TOKEN";
      render(<ResetPasswordForm onDone={onDone} />);
    }
    expect(await screen.findByRole("alert")).toHaveTextContent("This link does not work.");
    expect(screen.getByRole("link", { name: "Request a new link" })).toHaveAttribute(
      "href",
      "/forgot-password",
    );
  });
});
