/** The search for tasks, in their titles, descriptions and tags. */
import { callApi } from "@/lib/api/client";
import type { Task } from "@/lib/task";
import type { TaskPage } from "./tasks";

const FOUND = 50;
const SHOWN = 12;

/** Returns the tasks that contain all words, the best first. */
export async function searchTasks(text: string, signal?: AbortSignal): Promise<Task[]> {
  const query = new URLSearchParams({ q: text, limit: String(FOUND) });
  const { items } = await callApi<TaskPage>(`/api/tasks?${query}`, { signal });
  return rankTasks(items, text).slice(0, SHOWN);
}

/**
 * Sorts found tasks: open ones first; then those whose title begins with the text, has a word that begins with it, or
 * contains it.
 */
export function rankTasks(tasks: readonly Task[], text: string): Task[] {
  const sought = text.toLowerCase();
  const rank = ({ status, title }: Task) => {
    const lower = title.toLowerCase();
    const place = lower.startsWith(sought)
      ? 0
      : lower.includes(` ${sought}`)
        ? 1
        : lower.includes(sought)
          ? 2
          : 3;
    return place + (status === "completed" ? 4 : 0);
  };
  return [...tasks].sort((a, b) => rank(a) - rank(b));
}
