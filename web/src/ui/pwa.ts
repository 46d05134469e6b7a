/** The page without the network: whether it is kept, whether a new version waits, and putting it on the home screen. */

import { signal } from "@preact/signals";
import { isSafe } from "./problems";

interface InstallPrompt extends Event {
  prompt(): Promise<unknown>;
}

/** Whether the page is kept; if not, for want of https, of a whole download, or of a browser that keeps anything. */
export type Kept = "waiting" | "ready" | "unsafe" | "broken" | "impossible";

export const offline = signal<Kept>("waiting");
export const update = signal<ServiceWorker | null>(null);
export const install = signal<InstallPrompt | null>(null);

let settle: () => void = () => undefined;
/** Resolves when every file is kept, or when it is clear that this browser keeps none. */
export const settled = new Promise<void>((resolve) => (settle = resolve));

export function keepForOffline(): void {
  addEventListener("beforeinstallprompt", (event) => {
    event.preventDefault();
    install.value = event as InstallPrompt;
  });
  addEventListener("appinstalled", () => (install.value = null));
  if (!isSafe()) finish("unsafe");
  else if (import.meta.env.DEV || !("serviceWorker" in navigator)) finish("impossible");
  else void register();
}

/** Let the waiting version take over, and load the page with it. */
export function takeUpdate(): void {
  navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
  update.value?.postMessage("take over");
}

async function register(): Promise<void> {
  try {
    navigator.serviceWorker.addEventListener("message", ({ data }) => {
      if (data === "no room" && offline.value !== "ready") finish("impossible"); // before or after the worker is given up
    });
    const registration = await navigator.serviceWorker.register("./sw.js", { updateViaCache: "none" });
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
