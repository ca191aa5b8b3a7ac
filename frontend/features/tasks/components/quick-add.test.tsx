// @vitest-environment jsdom
import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { createRef } from "react";
import { beforeEach, expect, it, vi } from "vitest";
import type { TaskActions } from "../api/task-actions";
import { QuickAdd } from "./quick-add";

beforeEach(() => sessionStorage.clear());

it("returns the focus to the title after each choice, so that Enter adds the task", async () => {
  const add = vi.fn(async () => undefined);
  render(<QuickAdd actions={{ add } as unknown as TaskActions} inputRef={createRef()} />);
  const title = screen.getByRole("textbox", { name: "New task" });
  await userEvent.type(title, "Call the bank");
  for (const name of ["Tomorrow", "Today", "High"]) {
    await userEvent.click(screen.getByRole("button", { name }));
    expect(title).toHaveFocus();
  }
  await userEvent.keyboard("{Enter}");
  expect(add).toHaveBeenCalledOnce();
  expect(add).toHaveBeenCalledWith(
    expect.objectContaining({ title: "Call the bank", priority: "high", all_day: true }),
  );
});
