/** The page without the network: whether it is kept, whether a new version waits, and putting it on the home screen. */

import { signal } from "@preact/signals";

interface InstallPrompt extends Event {
  prompt(): Promise<unknown>;
}

export const offline = signal<"waiting" | "ready" | "impossible">("waiting");
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
  void register();
}

/** Let the waiting version take over, and load the page with it. */
export function takeUpdate(): void {
  navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
  update.value?.postMessage("take over");
}

async function register(): Promise<void> {
  try {
    if (import.meta.env.DEV) throw new Error("no service worker while developing");
    const registration = await navigator.serviceWorker.register("./sw.js", { updateViaCache: "none" });
    registration.addEventListener("updatefound", () => follow(registration.installing));
    follow(registration.installing);
    if (registration.active) finish("ready");
    if (registration.waiting) update.value = registration.waiting;
    addEventListener("visibilitychange", () => void registration.update().catch(() => undefined)); // a no is no news
  } catch {
    finish("impossible"); // private mode, an old browser or an unsafe address: the page works while it is open
  }
}

function follow(worker: ServiceWorker | null): void {
  worker?.addEventListener("statechange", () => {
    if (worker.state === "installed" && navigator.serviceWorker.controller) update.value = worker;
    if (worker.state === "activated") finish("ready");
    if (worker.state === "redundant" && offline.value !== "ready") finish("impossible");
  });
}

function finish(how: "ready" | "impossible"): void {
  offline.value = how;
  settle();
}
