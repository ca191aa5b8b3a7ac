// @vitest-environment node
import { onlineManager, InfiniteQueryObserver, QueryClient } from "@tanstack/react-query";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { runLatestToastAction } from "@/components/ui/toaster";
import { sampleTask } from "@/testing/sample-task";
import { byHand } from "../group-tasks";
import { isUnsaved } from "./naming";
import { createTaskActions } from "./task-actions";
import { completedTasksKey, flattenPages, type TaskPages, openTasksKey } from "./task-cache";
import { listCompletedTasks } from "./tasks";

type Answer = { status: number; body?: unknown };

/** Collects the requests; the test answers each one. */
class Network {
  readonly requests: {
    method: string;
    path: string;
    body: unknown;
    answer: (answer: Answer) => void;
    fail: () => void;
  }[] = [];

  fetch = (path: string, init: RequestInit): Promise<Response> => {
    return new Promise((resolve, reject) => {
      this.requests.push({
        method: init.method ?? "GET",
        path,
        body: init.body ? JSON.parse(String(init.body)) : undefined,
        answer: ({ status, body }) => resolve(new Response(body ? JSON.stringify(body) : null, { status })),
        fail: () => reject(new TypeError("Failed to fetch")),
      });
    });
  };

  async next(index: number) {
    return vi.waitFor(() => {
      const request = this.requests[index];
      if (!request) throw new Error(`request ${index} has not been sent`);
      return request;
    });
  }
}

let network: Network;
let queryClient: QueryClient;
let actions: ReturnType<typeof createTaskActions>;
const task = sampleTask({ id: "a", title: "Buy milk" });

const openTasks = () => flattenPages(queryClient.getQueryData<TaskPages>(openTasksKey));
const completedTasks = () => flattenPages(queryClient.getQueryData<TaskPages>(completedTasksKey));

beforeEach(() => {
  network = new Network();
  vi.stubGlobal("fetch", network.fetch);
  queryClient = new QueryClient();
  queryClient.setQueryData(openTasksKey, {
    pages: [{ items: [task], next_cursor: null }],
    pageParams: [null],
  });
  queryClient.setQueryData(completedTasksKey, {
    pages: [{ items: [], next_cursor: null }],
    pageParams: [null],
  });
  actions = createTaskActions(queryClient);
});
afterEach(() => {
  vi.unstubAllGlobals();
  queryClient.clear();
});

const completed = { ...task, status: "completed" as const, completed_at: "2026-11-21T09:00:00Z" };

describe("completing a task", () => {
  it("shows at once, and then as the server returns it", async () => {
    const result = actions.complete(task);
    expect(openTasks()).toEqual([]);
    expect(completedTasks()).toMatchObject([{ id: "a", status: "completed" }]);
    (await network.next(0)).answer({ status: 200, body: completed });
    expect(await result).toBe(true);
    expect(completedTasks()).toEqual([completed]);
  });

  it("is rolled back when the server refuses it", async () => {
    const result = actions.complete(task);
    (await network.next(0)).answer({ status: 503, body: { detail: "Not now." } });
    expect(await result).toBe(false);
    expect(openTasks()).toEqual([task]);
    expect(completedTasks()).toEqual([]);
  });

  it("removes a task that no longer exists", async () => {
    const result = actions.complete(task);
    (await network.next(0)).answer({ status: 404 });
    await result;
    expect(openTasks()).toEqual([]);
    expect(completedTasks()).toEqual([]);
  });

  it("can be undone while it is pending, and both changes are sent in order", async () => {
    void actions.complete(task);
    expect(runLatestToastAction()).toBe(true);
    expect(openTasks()).toMatchObject([{ id: "a", status: "open" }]);
    const complete = await network.next(0);
    expect(complete.path).toBe("/api/tasks/a/complete");
    expect(network.requests).toHaveLength(1);
    complete.answer({ status: 200, body: completed });
    const reopen = await network.next(1);
    expect(reopen.path).toBe("/api/tasks/a/reopen");
    // The response to the first change must not show while the second is pending.
    expect(openTasks()).toMatchObject([{ id: "a", status: "open" }]);
    reopen.answer({ status: 200, body: task });
    await vi.waitFor(() => expect(openTasks()).toEqual([task]));
  });

  it("rolls back to the server's last version when the undo fails", async () => {
    const first = actions.complete(task);
    const second = actions.reopen(completed);
    (await network.next(0)).answer({ status: 200, body: completed });
    (await network.next(1)).answer({ status: 500 });
    expect(await first).toBe(true);
    expect(await second).toBe(false);
    expect(completedTasks()).toEqual([completed]);
    expect(openTasks()).toEqual([]);
  });
});

describe("several changes", () => {
  it("are sent in order for one task, also when the first one fails", async () => {
    const results = [actions.complete(task), actions.reopen(task), actions.update(task, { title: "New" })];
    (await network.next(0)).answer({ status: 503 });
    (await network.next(1)).answer({ status: 200, body: task });
    const request = await network.next(2);
    expect(network.requests.map(({ path }) => path)).toEqual([
      "/api/tasks/a/complete",
      "/api/tasks/a/reopen",
      "/api/tasks/a",
    ]);
    expect(openTasks()).toMatchObject([{ title: "New" }]);
    request.answer({ status: 200, body: { ...task, title: "New", updated_at: "2026-11-21T09:00:00Z" } });
    expect(await Promise.all(results)).toEqual([false, true, expect.objectContaining({ title: "New" })]);
    expect(openTasks()).toMatchObject([{ title: "New", updated_at: "2026-11-21T09:00:00Z" }]);
  });

  it("are sent at once for different tasks", async () => {
    const other = sampleTask({ id: "b" });
    const results = [actions.complete(task), actions.complete(other)];
    await network.next(1);
    expect(network.requests.map(({ path }) => path)).toEqual([
      "/api/tasks/a/complete",
      "/api/tasks/b/complete",
    ]);
    network.requests.forEach(({ answer }) => answer({ status: 200, body: completed }));
    await Promise.all(results);
  });

  it("fail at once while the browser is offline, instead of waiting for the network", async () => {
    onlineManager.setOnline(false);
    try {
      const result = actions.complete(task);
      (await network.next(0)).fail();
      expect(await result).toBe(false);
      expect(openTasks()).toEqual([task]);
    } finally {
      onlineManager.setOnline(true);
    }
  });
});

describe("a list that loads during a change", () => {
  const stale = { items: [task], next_cursor: null };

  it("does not overwrite the change, and is loaded again after the last change", async () => {
    const observer = new InfiniteQueryObserver(queryClient, {
      queryKey: completedTasksKey,
      queryFn: ({ pageParam, signal }) => listCompletedTasks(pageParam, signal),
      initialPageParam: null as string | null,
      getNextPageParam: (page) => page.next_cursor,
      staleTime: Infinity,
    });
    const stop = observer.subscribe(() => undefined);
    void observer.refetch();
    const list = await network.next(0);

    const results = [actions.complete(task), actions.reopen(task)];
    list.answer({ status: 200, body: stale });
    (await network.next(1)).answer({ status: 200, body: completed });
    const reopen = await network.next(2);
    expect(openTasks()).toMatchObject([{ id: "a", status: "open" }]);
    expect(completedTasks()).toEqual([]);
    expect(network.requests).toHaveLength(3);

    reopen.answer({ status: 200, body: task });
    const again = await network.next(3);
    expect(again.path).toMatch(/^\/api\/tasks\?status=completed/);
    again.answer({ status: 200, body: { items: [], next_cursor: null } });
    await Promise.all(results);
    expect(openTasks()).toEqual([task]);
    stop();
  });

  it("is not loaded again when none was loading", async () => {
    const result = actions.complete(task);
    (await network.next(0)).answer({ status: 200, body: completed });
    await result;
    expect(queryClient.isFetching()).toBe(0);
    expect(network.requests).toHaveLength(1);
  });
});

describe("adding a task", () => {
  it("shows it at once, and with its id once it is stored", async () => {
    const added = actions.add({ title: "New" });
    const shown = openTasks().find((found) => found.title === "New");
    expect(shown && isUnsaved(shown)).toBe(true);
    const request = await network.next(0);
    expect(request).toMatchObject({ method: "POST", path: "/api/tasks", body: { title: "New" } });
    request.answer({ status: 201, body: sampleTask({ id: "b", title: "New" }) });
    await added;
    expect(openTasks().map((found) => found.id)).toEqual(["b", "a"]);
  });

  it("removes it from the list when it fails, and throws the reason", async () => {
    const added = actions.add({ title: "New" });
    (await network.next(0)).answer({ status: 422, body: { detail: "title: too long" } });
    await expect(added).rejects.toThrow("title: too long");
    expect(openTasks()).toEqual([task]);
  });
});

describe("deleting a task", () => {
  it("can be undone, which brings back the same task", async () => {
    void actions.remove(task);
    expect(openTasks()).toEqual([]);
    expect(runLatestToastAction()).toBe(true);
    (await network.next(0)).answer({ status: 204 });
    const request = await network.next(1);
    expect(request).toMatchObject({
      method: "POST",
      path: "/api/undo",
      body: { task_id: task.id },
    });
    const changes = [{ undone: "deleted", task_id: task.id, title: task.title, task }];
    request.answer({ status: 200, body: { step: "s", changes } });
    await vi.waitFor(() => expect(openTasks()).toEqual([task]));
  });

  it("counts as undone when its step was undone already", async () => {
    const undone = actions.undo(task, "s");
    (await network.next(0)).answer({
      status: 409,
      body: { code: "already_undone", detail: "This was undone already." },
    });
    expect(await undone).toBe(true);
    const changed = actions.undo(task, "s");
    (await network.next(1)).answer({
      status: 409,
      body: { code: "cannot_undo", detail: "The task has changed." },
    });
    expect(await changed).toBe(false);
  });

  it("is rolled back when the server refuses it, and its undo adds no duplicate", async () => {
    const result = actions.remove(task);
    const undone = runLatestToastAction();
    (await network.next(0)).answer({ status: 500 });
    expect([undone, await result]).toEqual([true, false]);
    expect(openTasks()).toEqual([task]);
    expect(network.requests).toHaveLength(1);
  });
});

describe("changing a task", () => {
  it("sends only the changed fields and shows them at once", async () => {
    const result = actions.update(task, { title: "Buy bread" });
    expect(openTasks()[0]?.title).toBe("Buy bread");
    const request = await network.next(0);
    expect(request).toMatchObject({ method: "PATCH", path: "/api/tasks/a", body: { title: "Buy bread" } });
    request.answer({ status: 200, body: { ...task, title: "Buy bread" } });
    await result;
  });

  it("throws the server's reason and rolls back", async () => {
    const result = actions.update(task, { due_at: "9999-01-01T00:00:00Z" });
    (await network.next(0)).answer({
      status: 422,
      body: { detail: "due_at: too late", errors: [{ field: "due_at", message: "too late" }] },
    });
    await expect(result).rejects.toMatchObject({ fields: { due_at: "too late" } });
    expect(openTasks()).toEqual([task]);
  });
});

describe("moving a task by hand", () => {
  const [first, second, third] = [1, 2, 3].map((position) => sampleTask({ id: `m${position}`, position }));
  const ids = ["m1", "m2", "m3"];
  const order = () => [...openTasks()].sort(byHand).map(({ id }) => id);
  beforeEach(() => {
    queryClient.setQueryData(openTasksKey, {
      pages: [{ items: [first, second, third], next_cursor: null }],
      pageParams: [null],
    });
  });

  it("shows at once, names the task that follows, and is undone by one step", async () => {
    await actions.move(third!, ids, -1);
    expect(order()).toEqual(["m1", "m3", "m2"]);
    const request = await network.next(0);
    expect(request).toMatchObject({ path: "/api/tasks/m3/move", body: { before: "m2" } });
    request.answer({ status: 200, body: { ...third, position: 1.5 } });
    await actions.move(third!, ids, -1);
    expect(order()).toEqual(["m3", "m1", "m2"]);
    const again = await network.next(1);
    expect(again.body).toEqual({ before: "m1" });
    again.answer({ status: 200, body: { ...third, position: 0 } });
    expect(runLatestToastAction()).toBe(true);
    expect(order()).toEqual(ids);
    const back = await network.next(2);
    expect(back.body).toEqual({ before: null });
    back.answer({ status: 200, body: third });
  });

  it("goes to the end behind the last one, and no further", async () => {
    await actions.move(second!, ids, 1);
    expect(order()).toEqual(["m1", "m3", "m2"]);
    (await network.next(0)).answer({ status: 200, body: { ...second, position: 4 } });
    await actions.move(second!, ids, 1);
    expect(network.requests).toHaveLength(1);
  });

  it("goes to any place where it is dropped, and nowhere when that is its own or gone", async () => {
    await actions.move(first!, ids, { before: null });
    expect(order()).toEqual(["m2", "m3", "m1"]);
    const request = await network.next(0);
    expect(request.body).toEqual({ before: null });
    request.answer({ status: 200, body: { ...first, position: 4 } });
    await actions.move(third!, ids, { before: "m2" });
    expect(order()).toEqual(["m3", "m2", "m1"]);
    (await network.next(1)).answer({ status: 200, body: { ...third, position: 1.5 } });
    for (const before of ["m2", "gone"]) await actions.move(third!, ids, { before });
    expect(network.requests).toHaveLength(2);
  });

  it("is rolled back when the server refuses it", async () => {
    await actions.move(first!, ids, 1);
    expect(order()).toEqual(["m2", "m1", "m3"]);
    (await network.next(0)).answer({ status: 503 });
    await vi.waitFor(() => expect(order()).toEqual(ids));
  });

  it("reads all tasks again when the server has numbered them anew", async () => {
    const invalidate = vi.spyOn(queryClient, "invalidateQueries");
    await actions.move(third!, ids, -1);
    (await network.next(0)).answer({ status: 200, body: { ...third, position: 2_000_000 } });
    await vi.waitFor(() => expect(invalidate).toHaveBeenCalled());
  });

  it("says why a task with a date has no place by hand", async () => {
    await actions.move(first!, null, 1);
    expect(network.requests).toEqual([]);
  });
});

describe("changing many tasks", () => {
  const late = sampleTask({ id: "b", title: "Late", due_at: "2026-11-10T12:00:00Z" });
  const change = {
    action: "update",
    changes: { due_on: "2026-11-18" },
    done: "Moved",
    end: "to today",
  } as const;

  it("is one request and one step to undo", async () => {
    const moved = [task, late].map((each) => ({ ...each, due_at: "2026-11-18T12:00:00Z" }));
    const done = actions.changeMany([task, late], change);
    const request = await network.next(0);
    expect([request.method, request.path]).toEqual(["POST", "/api/tasks/bulk"]);
    expect(request.body).toMatchObject({
      ids: ["a", "b"],
      action: "update",
      changes: { due_on: "2026-11-18" },
    });
    request.answer({ status: 200, body: { step: "s1", tasks: moved } });
    expect(await done).toBe(true);
    expect(openTasks().map(({ due_at }) => due_at)).toEqual(moved.map(({ due_at }) => due_at));
    runLatestToastAction();
    const undo = await network.next(1);
    expect([undo.path, undo.body]).toEqual(["/api/undo", { step: "s1" }]);
    undo.answer({
      status: 200,
      body: {
        step: "s1",
        changes: [
          { task, task_id: "a" },
          { task: null, task_id: "b" },
        ],
      },
    });
    await vi.waitFor(() => expect(openTasks()).toEqual([task]));
  });

  it("removes deleted tasks from the list", async () => {
    const done = actions.changeMany([task], { action: "delete", done: "Deleted" });
    (await network.next(0)).answer({ status: 200, body: { step: "s1", tasks: [task] } });
    await done;
    expect(openTasks()).toEqual([]);
  });

  it("changes nothing when the server refuses it", async () => {
    const done = actions.changeMany([task], change);
    (await network.next(0)).answer({ status: 404, body: { detail: "1 of 1 tasks do not exist." } });
    expect(await done).toBe(false);
    expect(openTasks()).toEqual([task]);
  });

  it("leaves out tasks that are not saved yet", async () => {
    void actions.changeMany([task, { ...late, id: "unsaved:1" }], change);
    expect((await network.next(0)).body).toMatchObject({ ids: ["a"] });
  });
});
