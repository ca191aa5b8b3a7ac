// @vitest-environment jsdom
import { renderHook } from "@testing-library/react";
import { expect, it, vi } from "vitest";
import { useCommands } from "./use-commands";

const push = vi.fn();
vi.mock("next/navigation", () => ({ useRouter: () => ({ push }) }));

it.each([
  ["Go to Insights", "/insights"],
  ["Go to Settings", "/settings"],
])("has the command %s", (label, path) => {
  const shortcuts = { addTask: vi.fn(), writeMessage: vi.fn(), showHelp: vi.fn(), search: vi.fn() };
  const { result } = renderHook(() => useCommands(shortcuts, vi.fn(), vi.fn()));
  result.current.find((command) => command.label === label)!.run();
  expect(push).toHaveBeenLastCalledWith(path);
});
