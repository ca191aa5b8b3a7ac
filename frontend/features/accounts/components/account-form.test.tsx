// @vitest-environment jsdom
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { AccountForm } from "./account-form";

const replace = vi.fn();
vi.mock("next/navigation", () => ({
  useRouter: () => ({ replace }),
  useSearchParams: () => new URLSearchParams(),
}));

type Call = { path: string; body: unknown };

// Better Auth's client stores fetch when it is imported, so replace it before.
const network = vi.hoisted(() => {
  const calls: Call[] = [];
  const network = { calls, answer: () => new Response() };
  globalThis.fetch = async (input, init) => {
    const path = new URL(input instanceof Request ? input.url : input, "http://localhost").pathname;
    if (path.endsWith("/get-session")) return Response.json(null);
    calls.push({ path, body: JSON.parse(String(init?.body)) });
    return network.answer();
  };
  return network;
});

beforeEach(() => {
  network.calls.length = 0;
  replace.mockReset();
});

function show(mode: "sign-in" | "sign-up") {
  render(
    <QueryClientProvider client={new QueryClient()}>
      <AccountForm mode={mode} />
    </QueryClientProvider>,
  );
}

async function fill(email: string, password: string, button: string) {
  await userEvent.type(screen.getByLabelText("Email"), email);
  await userEvent.type(screen.getByLabelText("Password"), password);
  await userEvent.click(screen.getByRole("button", { name: button }));
}

describe("signing in", () => {
  it("reports each missing field and focuses the first one", async () => {
    show("sign-in");
    await userEvent.click(screen.getByRole("button", { name: "Sign in" }));
    expect(screen.getByLabelText("Email")).toHaveFocus();
    expect(screen.getByLabelText("Email")).toHaveAccessibleDescription("Enter your email address.");
    expect(screen.getByLabelText("Password")).toBeInvalid();
    expect(network.calls).toEqual([]);
  });

  it("reports a wrong password at the password field and keeps the email address", async () => {
    network.answer = () =>
      Response.json({ code: "INVALID_EMAIL_OR_PASSWORD", message: "Invalid" }, { status: 401 });
    show("sign-in");
    await userEvent.click(screen.getByRole("checkbox", { name: "Keep me signed in" }));
    await fill("ada@example.com", "wrong one", "Sign in");
    await waitFor(() =>
      expect(screen.getByLabelText("Password")).toHaveAccessibleDescription(
        "The email address or the password is incorrect.",
      ),
    );
    expect(screen.getByLabelText("Email")).toHaveValue("ada@example.com");
    expect(screen.getByRole("button", { name: "Sign in" })).toBeEnabled();
    expect(network.calls).toEqual([
      {
        path: "/api/auth/sign-in/email",
        body: { email: "ada@example.com", password: "wrong one", rememberMe: false },
      },
    ]);
  });

  it("reports how long to wait after too many attempts", async () => {
    network.answer = () =>
      Response.json({ message: "Too many" }, { status: 429, headers: { "x-retry-after": "9" } });
    show("sign-in");
    await fill("ada@example.com", "wrong one", "Sign in");
    expect(await screen.findByRole("alert")).toHaveTextContent("Try again in 9 s.");
  });
});

describe("signing up", () => {
  it("reports an email address that is already used at its field", async () => {
    network.answer = () =>
      Response.json({ code: "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL", message: "x" }, { status: 422 });
    show("sign-up");
    await userEvent.type(screen.getByLabelText("Name"), "Ada");
    await fill("ada@example.com", "long enough", "Create account");
    await waitFor(() => expect(screen.getByLabelText("Email")).toBeInvalid());
    expect(screen.getByLabelText("Email")).toHaveFocus();
  });

  it("shows the password on request", async () => {
    show("sign-up");
    await userEvent.click(screen.getByRole("button", { name: "Show password" }));
    expect(screen.getByLabelText("Password")).toHaveAttribute("type", "text");
  });
});
