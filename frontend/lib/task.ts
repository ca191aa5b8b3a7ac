/** A task as it travels: the list shows it, the chat's tools return it. */

export type Priority = "high" | "medium" | "low";

export type Task = {
  id: string;
  /** 1 to 200 characters. */
  title: string;
  /** At most 1000 characters; empty where there is none. */
  description: string;
  priority: Priority;
  tags: string[];
  /** An instant in ISO 8601, UTC. */
  due_at: string | null;
  /** A date without a time: due_at is then the start of that day where the person lives. */
  all_day: boolean;
  status: "open" | "completed";
  created_at: string;
  updated_at: string;
  completed_at: string | null;
};

/** Says whether a value from the wire is a task, as far as this side relies on it. */
export function isTask(value: unknown): value is Task {
  if (typeof value !== "object" || value === null) return false;
  const task = value as Partial<Record<keyof Task, unknown>>;
  return (
    typeof task.id === "string" &&
    typeof task.title === "string" &&
    (task.status === "open" || task.status === "completed") &&
    (task.due_at === null || typeof task.due_at === "string")
  );
}
