/** Keeps one whole version of the page for use with the network off. Versions never mix. */

interface Lasting extends Event {
  waitUntil(done: Promise<unknown>): void;
}
interface Asked extends Lasting {
  readonly request: Request;
  respondWith(answer: Promise<Response>): void;
}
interface Keeper {
  readonly registration: { readonly scope: string };
  readonly clients: {
    claim(): Promise<void>;
    matchAll(which: { readonly includeUncontrolled: true }): Promise<readonly { postMessage(said: string): void }[]>;
  };
  readonly location: Location;
  skipWaiting(): Promise<void>;
  addEventListener(type: "install" | "activate", heard: (event: Lasting) => void): void;
  addEventListener(type: "message", heard: (event: MessageEvent) => void): void;
  addEventListener(type: "fetch", heard: (event: Asked) => void): void;
}
const keeper = globalThis as unknown as Keeper; // the libraries of a page and of a service worker do not go together

// Filled in by the build: each file of this version with the sha256 of its contents.
const FILES = new Map(Object.entries(JSON.parse("__FILES__") as Record<string, string>));
const PREFIX = "mpoxlens-";
const CACHE = PREFIX + "__VERSION__";

keeper.addEventListener("install", (event) => event.waitUntil(keepAll()));
keeper.addEventListener("activate", (event) => event.waitUntil(takeOver()));
keeper.addEventListener("message", (event) => {
  if (event.data === "take over") void keeper.skipWaiting();
});
keeper.addEventListener("fetch", (event) => {
  const name = nameOf(event.request);
  if (name !== null) event.respondWith(answer(event.request, name));
});

/** Fetch every file and check it, so that a host in the middle of an update gives no version instead of a mixed one. */
async function keepAll(): Promise<void> {
  const cache = await caches.open(CACHE);
  try {
    await Promise.all([...FILES].map(([name, sha256]) => keep(cache, name, sha256)));
  } catch (error) {
    if ((error as Error).name === "QuotaExceededError") await tellAll("no room");
    throw error;
  }
}

/** Tell the open pages, which otherwise see only that this version came to nothing. */
async function tellAll(said: string): Promise<void> {
  for (const page of await keeper.clients.matchAll({ includeUncontrolled: true })) page.postMessage(said);
}

async function keep(cache: Cache, name: string, sha256: string): Promise<void> {
  const key = keyOf(name, sha256);
  const earlier = await caches.match(key); // what has not changed is not loaded again
  if (earlier !== undefined) return cache.put(key, earlier);
  const response = await fetch(new URL(name, keeper.registration.scope), { cache: "no-cache", credentials: "omit" });
  if (!response.ok) throw new Error(`${name}: ${response.status}`);
  const found = await crypto.subtle.digest("SHA-256", await response.clone().arrayBuffer());
  if (hex(found) !== sha256) throw new Error(`${name} is not of this version`);
  await cache.put(key, response);
}

async function takeOver(): Promise<void> {
  const others = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== CACHE);
  await Promise.all(others.map((name) => caches.delete(name)));
  await keeper.clients.claim();
}

async function answer(request: Request, name: string): Promise<Response> {
  const kept = await (await caches.open(CACHE)).match(keyOf(name, FILES.get(name) ?? ""));
  return kept ?? fetch(request);
}

/** The file that a request means, or null where it is none of this version's. */
function nameOf(request: Request): string | null {
  if (request.method !== "GET" || !request.url.startsWith(keeper.registration.scope)) return null;
  const name = request.url.slice(keeper.registration.scope.length).replace(/[?#].*$/, "") || "index.html";
  return FILES.has(name) ? name : null; // what else lies under this address is not ours to answer
}

function keyOf(name: string, sha256: string): string {
  return new URL(`${name}?sha256=${sha256}`, keeper.registration.scope).href;
}

// Not that of core/numbers.ts: what two scripts import is built as a third, and this one must be whole in itself.
function hex(digest: ArrayBuffer): string {
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
