// @vitest-environment jsdom
import { render, screen, within } from "@testing-library/react";
import { expect, it } from "vitest";
import { Plots } from "./insights";

const empty = {
  time_zone: "Europe/Berlin",
  days: Array.from({ length: 30 }, (_, index) => ({
    day: `2026-11-${String(index + 1).padStart(2, "0")}`,
    done: 0,
    overdue: 0,
  })),
  hours: Array.from({ length: 24 }, () => 0),
  tags: [],
};

it("says in words that there is nothing yet", () => {
  render(<Plots insights={empty} />);
  expect(screen.getByText(/Nothing to show yet/)).toBeVisible();
  expect(screen.queryByRole("table")).toBeNull();
});

it("has the figures of each plot as a table", () => {
  const days = empty.days.map((day, index) => (index === 29 ? { ...day, done: 3, overdue: 1 } : day));
  const hours = empty.hours.map((_, index) => (index === 9 ? 3 : 0));
  render(<Plots insights={{ ...empty, days, hours, tags: [{ name: "home", done: 2, open: 3 }] }} />);
  expect(
    screen.getByText(
      "3 tasks done in the last 30 days, most of them between 09:00 and 10:00. 1 is overdue now.",
    ),
  ).toBeVisible();
  const table = (name: string) => screen.getByRole("table", { name, hidden: true });
  const row = (name: string, label: string) =>
    within(table(name)).getByRole("row", { name: label, hidden: true });
  expect(row("Done per day", "Mon 30 Nov 3")).toBeInTheDocument();
  expect(row("Done by hour", "09:00 3")).toBeInTheDocument();
  expect(row("Overdue at the end of the day", "Mon 30 Nov 1")).toBeInTheDocument();
  expect(row("By tag", "#home 2 3")).toBeInTheDocument();
});

it("names no hour for fewer than three tasks", () => {
  const days = empty.days.map((day, index) => (index === 29 ? { ...day, done: 2 } : day));
  const hours = empty.hours.map((_, index) => (index === 9 ? 2 : 0));
  render(<Plots insights={{ ...empty, days, hours }} />);
  expect(screen.getByText("2 tasks done in the last 30 days. Nothing is overdue.")).toBeVisible();
});
