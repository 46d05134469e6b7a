/** The one clinic of the page: made when first needed, and made anew after it was told to forget. */

import { signal } from "@preact/signals";
import type { BundleInfo, ClinicalInfo, Gate, PhotoInput, Screening } from "../core/schema";
import { openClinic, type Clinic } from "../worker/client";
import { isSafe, unsafe } from "./problems";
import { settled } from "./pwa";

export type Status =
  | { readonly kind: "idle" }
  | { readonly kind: "loading"; readonly share: number }
  | { readonly kind: "ready"; readonly bundle: BundleInfo }
  | { readonly kind: "failed"; readonly error: unknown };

export const status = signal<Status>({ kind: "idle" });

let running: Clinic | null = null;
let loading: Promise<BundleInfo> | null = null;

function started(): Clinic {
  if (running === null) {
    const mine = openClinic((error) => fail(mine, error));
    running = mine;
  }
  return running;
}

export const clinic = {
  /** Load and verify the model, once; after a failure, again. */
  ready(): Promise<BundleInfo> {
    loading ??= load();
    return loading;
  },
  quality: (photo: PhotoInput): Promise<Gate> => started().quality(photo),
  async screen(photos: readonly PhotoInput[], info: ClinicalInfo): Promise<Screening> {
    await clinic.ready();
    return started().screen(photos, info);
  },
  reweigh: (info: ClinicalInfo): Promise<Screening> => started().reweigh(info),
  /** End the worker, and with it whatever it holds of a person. */
  forget(): void {
    running?.close();
    [running, loading] = [null, null];
    status.value = { kind: "idle" };
  },
};

async function load(): Promise<BundleInfo> {
  status.value = { kind: "loading", share: 0 };
  let mine: Clinic | null = null;
  try {
    if (!isSafe()) throw unsafe();
    await settled; // the service worker loads every file; the page then need not load them a second time
    mine = started();
    const bundle = await mine.ready((share) => {
      if (mine === running) status.value = { kind: "loading", share };
    });
    if (mine === running) status.value = { kind: "ready", bundle };
    return bundle;
  } catch (error) {
    fail(mine, error);
    throw error;
  }
}

/** Give a worker up, so that the next request starts another; not where that was done meanwhile. */
function fail(mine: Clinic | null, error: unknown): void {
  if (mine !== null && mine !== running) return;
  clinic.forget();
  status.value = { kind: "failed", error };
}
