/** Tasks for tests. */
import type { Task } from "@/lib/task";

let count = 0;

/** Returns an open task without a due date, with the given fields. */
export function sampleTask(fields: Partial<Task> = {}): Task {
  count += 1;
  return {
    id: `task-${count}`,
    title: `Task ${count}`,
    description: "",
    priority: "medium",
    tags: [],
    due_at: null,
    recurrence: null,
    time_zone: null,
    remind_at: null,
    remind_before: null,
    position: 0,
    all_day: false,
    status: "open",
    created_at: "2026-01-01T00:00:00Z",
    updated_at: "2026-01-01T00:00:00Z",
    completed_at: null,
    ...fields,
  };
}
