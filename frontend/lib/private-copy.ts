/** What this browser remembers of the signed-in user's data, so that the page starts without a connection. */
const STORE = "copies";
const USER = "user";

type Named = { id: string };

let database: Promise<IDBDatabase> | null = null;

function open(): Promise<IDBDatabase> {
  database ??= new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open("todo", 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("The browser stores nothing."));
  });
  database.catch(() => (database = null));
  return database;
}

async function inStore<Result>(
  mode: IDBTransactionMode,
  ask: (store: IDBObjectStore) => IDBRequest<Result>,
): Promise<Result> {
  const transaction = (await open()).transaction(STORE, mode);
  const request = ask(transaction.objectStore(STORE));
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = () => reject(transaction.error ?? new Error("The browser stores nothing more."));
  });
}

/** Returns what was stored under a name, or undefined. */
export async function readCopy<Value>(name: string): Promise<Value | undefined> {
  try {
    return await inStore("readonly", (store) => store.get(name) as IDBRequest<Value | undefined>);
  } catch {
    return undefined;
  }
}

/** Stores a value, if the browser allows it. */
export async function writeCopy(name: string, value: unknown): Promise<void> {
  await inStore("readwrite", (store) => store.put(value, name)).catch(() => undefined);
}

export const readUserCopy = <User extends Named>() => readCopy<User>(USER);

/** Assigns the copies to this user, and removes those of another user. */
export async function claimCopies(user: Named): Promise<void> {
  const owner = await readUserCopy();
  if (owner && owner.id !== user.id) await clearCopies();
  await writeCopy(USER, user);
}

export async function clearCopies(): Promise<void> {
  await inStore("readwrite", (store) => store.clear()).catch(() => undefined);
}
