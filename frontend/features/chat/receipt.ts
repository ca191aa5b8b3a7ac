/** Describes each tool call in a line, so that the user sees every action of the agent. */
import { formatDue } from "@/lib/calendar";
import { isTask, type Task } from "@/lib/task";
import type { ToolPart } from "./conversation";

export type Receipt = {
  /** A waiting call has changed nothing yet: it needs the user's yes. */
  state: "running" | "done" | "failed" | "waiting";
  text: string;
  /** The task that the tool returned, if any. */
  task: Task | null;
  /** The step that undoes the call together with the others of its message, if it changed anything. */
  step: string | null;
};

const verbs: Record<string, { running: string; done: string; failed: string }> = {
  add_task: { running: "Adding a task", done: "Added", failed: "Could not add the task" },
  complete_task: { running: "Completing a task", done: "Completed", failed: "Could not complete the task" },
  update_task: { running: "Updating a task", done: "Updated", failed: "Could not update the task" },
  delete_task: { running: "Deleting a task", done: "Deleted", failed: "Could not delete the task" },
  reopen_task: { running: "Reopening a task", done: "Reopened", failed: "Could not reopen the task" },
  undo: { running: "Undoing", done: "Undone", failed: "Could not undo" },
  list_tasks: { running: "Reading your tasks", done: "Found", failed: "Could not read your tasks" },
};

/** Returns the receipt of a tool call. Days are relative to `now`. */
export function receiptOf(part: ToolPart, now: Date): Receipt {
  const name = part.toolName.replaceAll("_", " ");
  const verb = verbs[actOf(part)] ?? {
    running: `Running ${name}`,
    done: `Ran ${name}`,
    failed: `${name} failed`,
  };
  if (part.errorText !== undefined) {
    return { state: "failed", text: `${verb.failed}: ${part.errorText}`, task: null, step: null };
  }
  if (part.output === undefined)
    return { state: "running", text: `${verb.running}…`, task: null, step: null };

  const output = (typeof part.output === "object" && part.output !== null ? part.output : {}) as {
    task?: unknown;
    tasks?: unknown;
    total?: unknown;
    confirmation?: unknown;
    changes?: unknown;
    step?: unknown;
  };
  if (typeof output.confirmation === "string") {
    return { state: "waiting", text: `Needs your yes: ${output.confirmation}`, task: null, step: null };
  }
  if (isTask(output.task)) {
    return {
      state: "done",
      text: `${verb.done} ${describe(part.toolName, output.task, now)}`,
      task: output.task,
      step: typeof output.step === "string" ? output.step : null,
    };
  }
  if (Array.isArray(output.tasks)) {
    const count = typeof output.total === "number" ? output.total : output.tasks.length;
    return {
      state: "done",
      text: `${verb.done} ${count} ${count === 1 ? "task" : "tasks"}`,
      task: null,
      step: null,
    };
  }
  if (Array.isArray(output.changes)) {
    const count = output.changes.length;
    const text = `${verb.done}: ${count} ${count === 1 ? "change" : "changes"}`;
    return { state: "done", text, task: null, step: null };
  }
  return { state: "done", text: verb.done, task: null, step: null };
}

/** Returns the name of the act: one tool both completes and reopens. */
function actOf({ toolName, input }: ToolPart): string {
  const completed = (input as { completed?: unknown } | null)?.completed;
  return toolName === "complete_task" && completed === false ? "reopen_task" : toolName;
}

function describe(toolName: string, task: Task, now: Date): string {
  const details = [`‘${task.title}’`];
  if (toolName === "add_task" || toolName === "update_task") {
    if (task.due_at !== null) details.push(formatDue(new Date(task.due_at), task.all_day, now));
    if (task.priority !== "medium") details.push(`${task.priority} priority`);
  }
  return details.join(", ");
}
