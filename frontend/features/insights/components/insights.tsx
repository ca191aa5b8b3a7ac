"use client";

import { useQuery } from "@tanstack/react-query";
import { Button } from "@/components/ui/button";
import { callApi, errorMessage } from "@/lib/api/client";
import type { components } from "@/lib/api/schema";
import { formatDate } from "@/lib/calendar";
import { BarPlot, type Point } from "./bar-plot";

type InsightsOut = components["schemas"]["InsightsOut"];

/** What the user got done in the last 30 days. */
export function Insights() {
  const insights = useQuery({
    queryKey: ["insights"],
    queryFn: ({ signal }) => callApi<InsightsOut>("/api/insights", { signal }),
    staleTime: 0,
  });
  if (insights.data) return <Plots insights={insights.data} />;
  if (insights.error) {
    return (
      <div role="alert" className="mt-6">
        <p className="mb-3 text-text-2">{errorMessage(insights.error)}</p>
        <Button onClick={() => void insights.refetch()}>Try again</Button>
      </div>
    );
  }
  return (
    <div
      role="status"
      aria-label="Loading insights"
      className="mt-6 h-40 animate-pulse-soft rounded-lg bg-surface-3"
    />
  );
}

export function Plots({ insights }: { insights: InsightsOut }) {
  const done = insights.days.reduce((sum, { done }) => sum + done, 0);
  const overdue = insights.days.at(-1)?.overdue ?? 0;
  const wasOverdue = insights.days.some((day) => day.overdue > 0);
  const days = (count: (day: InsightsOut["days"][number]) => number): Point[] =>
    insights.days.map((day) => ({ label: labelOf(day.day), value: count(day) }));
  if (done === 0 && !wasOverdue && insights.tags.length === 0) {
    return (
      <p className="mt-2 text-text-2">
        Nothing to show yet. Complete a task, and this page shows when you get things done.
      </p>
    );
  }
  const best = insights.hours.indexOf(Math.max(...insights.hours));
  return (
    <>
      <p className="mt-2 text-text-2">
        {done} {done === 1 ? "task" : "tasks"} done in the last 30 days
        {done >= 3 && `, most of them between ${hour(best)} and ${hour((best + 1) % 24)}`}.{" "}
        {overdue === 0 ? "Nothing is overdue." : `${overdue} ${overdue === 1 ? "is" : "are"} overdue now.`}
      </p>
      <BarPlot title="Done per day" column="Day" points={days((day) => day.done)} />
      <BarPlot
        title="Done by hour"
        column="Hour"
        points={insights.hours.map((value, index) => ({ label: hour(index), value }))}
      />
      <BarPlot
        title="Overdue at the end of the day"
        column="Day"
        tone="danger"
        points={days((day) => day.overdue)}
      />
      {insights.tags.length > 0 && <TagTable tags={insights.tags} />}
      <p className="mt-6 text-small text-text-2">
        Days and hours in {insights.time_zone.replaceAll("_", " ")}.
      </p>
    </>
  );
}

function TagTable({ tags }: { tags: InsightsOut["tags"] }) {
  const most = Math.max(1, ...tags.map((tag) => tag.done));
  return (
    <section className="mt-8">
      <table className="w-full">
        <caption className="mb-2 text-left font-semibold">By tag</caption>
        <thead className="text-left text-small text-text-2">
          <tr>
            <th scope="col" className="font-normal">
              Tag
            </th>
            <th scope="col" className="w-2/5 font-normal" colSpan={2}>
              Done
            </th>
            <th scope="col" className="text-right font-normal">
              Open
            </th>
          </tr>
        </thead>
        <tbody>
          {tags.map((tag) => (
            <tr key={tag.name} className="border-t border-line">
              <th scope="row" dir="auto" className="py-2 pr-3 text-left font-normal [overflow-wrap:anywhere]">
                #{tag.name}
              </th>
              <td className="w-8 py-2 tabular-nums">{tag.done}</td>
              <td aria-hidden="true" className="py-2">
                <svg className="block h-2 w-full text-accent" preserveAspectRatio="none" viewBox="0 0 100 8">
                  <rect width={(tag.done / most) * 100} height="8" rx="1" fill="currentColor" />
                </svg>
              </td>
              <td className="py-2 pl-3 text-right tabular-nums">{tag.open}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

const hour = (index: number) => `${String(index).padStart(2, "0")}:00`;

function labelOf(day: string): string {
  const [year = 0, month = 1, date = 1] = day.split("-").map(Number);
  return formatDate(new Date(year, month - 1, date));
}
