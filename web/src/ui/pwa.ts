/** The page without the network: whether it is kept, whether a new version waits, and putting it on the home screen. */

import { signal } from "@preact/signals";
import { isSafe } from "./problems";

interface InstallPrompt extends Event {
  prompt(): Promise<unknown>;
}

/** Whether the page is kept; if not, for want of https, of a whole download, or of a browser that keeps anything. */
export type Kept = "waiting" | "ready" | "unsafe" | "broken" | "impossible";

export const offline = signal<Kept>("waiting");
/** A newer version: a worker that waits to take over, or one that has, at the wish of another open page. */
export const update = signal<ServiceWorker | "taken over" | null>(null);
export const install = signal<InstallPrompt | null>(null);

let asked = false; // for the update, here
let served = false; // whether a service worker had the page before; the first one is of the page's own version
let settle: () => void = () => undefined;
/** Resolves when every file is kept, or when it is clear that this browser keeps none. */
export const settled = new Promise<void>((resolve) => (settle = resolve));

/** @param begun whether a person has begun here, so that the page must not be loaded anew without their leave */
export function keepForOffline(begun: () => boolean): void {
  addEventListener("beforeinstallprompt", (event) => {
    event.preventDefault();
    install.value = event as InstallPrompt;
  });
  addEventListener("appinstalled", () => (install.value = null));
  if (!isSafe()) finish("unsafe");
  else if (import.meta.env.DEV || !("serviceWorker" in navigator)) finish("impossible");
  else void register(begun);
}

/** Let the waiting version take over, and load the page with it. */
export function takeUpdate(): void {
  asked = true;
  if (update.value === "taken over") location.reload();
  else update.value?.postMessage("take over");
}

/** A page whose files are no longer kept must not go on with those of another version. */
function changed(begun: () => boolean): void {
  if (served && (asked || !begun())) location.reload();
  else if (served) update.value = "taken over";
  served = true;
}

async function register(begun: () => boolean): Promise<void> {
  try {
    served = navigator.serviceWorker.controller !== null;
    navigator.serviceWorker.addEventListener("controllerchange", () => changed(begun));
    navigator.serviceWorker.addEventListener("message", ({ data }) => {
      if (data === "no room" && offline.value !== "ready") finish("impossible"); // before or after the worker is given up
    });
    const registration = await navigator.serviceWorker.register("./sw.js", { updateViaCache: "none" });
    served ||= registration.active !== null; // a page that was loaded past it
    registration.addEventListener("updatefound", () => follow(registration.installing));
    follow(registration.installing);
    if (registration.active) finish("ready");
    if (registration.waiting) update.value = registration.waiting;
    addEventListener("visibilitychange", () => void registration.update().catch(() => undefined)); // a no is no news
  } catch (error) {
    finish(error instanceof TypeError ? "broken" : "impossible"); // TypeError: its script could not be fetched
  }
}

function follow(worker: ServiceWorker | null): void {
  worker?.addEventListener("statechange", () => {
    if (worker.state === "installed" && navigator.serviceWorker.controller) update.value = worker;
    if (worker.state === "activated") finish("ready");
    if (worker.state === "redundant" && offline.value === "waiting") finish("broken");
  });
}

function finish(how: Kept): void {
  offline.value = how;
  settle();
}
