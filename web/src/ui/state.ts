/** What the page knows while it is open. Nothing of it is stored, and leaving the page clears it. */

import { computed, signal } from "@preact/signals";
import { UNKNOWN, type ClinicalInfo, type Screening } from "../core/schema";
import { clinic } from "./clinic";
import { drop, type Shot } from "./shots";

export const STEPS = ["photo", "questions", "result", "take"] as const;
export type Step = (typeof STEPS)[number];
export type Screen = "start" | "read" | Step;
export const MOST_SHOTS = 6; // photos of one person; more would only fill a small phone's memory

export const screen = signal<Screen>("start");
export const shots = signal<readonly Shot[]>([]);
export const info = signal<ClinicalInfo>(UNKNOWN);
export const found = signal<Screening | null>(null);
export const made = signal<Date | null>(null); // when `found` was
export const working = signal(false);
export const failure = signal<unknown>(null); // of the last screening
export const part = signal(0); // of the questions

export const answered = computed(() => Object.values(info.value).some((answer) => answer !== null));
export const started = computed(() => shots.value.length > 0 || answered.value);

let judged: { readonly shots: readonly Shot[]; readonly info: ClinicalInfo } | null = null; // what `found` rests on
let turns = 0; // of judging; only the last one counts

/** Show a screen; the browser's own "back" leads to the one before. */
export function go(to: Screen): void {
  if (to === screen.value) return;
  history.pushState({ screen: to }, "");
  show(to);
}

export function followHistory(): void {
  history.replaceState({ screen: "start" }, ""); // a page that is loaded anew knows nothing and starts at the start
  window.addEventListener("popstate", (event) => {
    const state = event.state as { screen?: Screen } | null;
    show(state?.screen ?? "start");
  });
}

function show(to: Screen): void {
  screen.value = to;
  scrollTo(0, 0);
  if (to === "result" || to === "take") void judge();
}

/** Screen the photos, or weigh the new answers where the photos are the same; a result of other photos never stays. */
export async function judge(): Promise<void> {
  const [now, answers] = [shots.value, info.value];
  if (found.value !== null && now === judged?.shots && answers === judged.info) return;
  const again = found.value !== null && now === judged?.shots;
  failure.value = null;
  if (!again) found.value = null;
  const turn = ++turns;
  working.value = now.length > 0;
  if (now.length === 0) return;
  try {
    const result = again ? await clinic.reweigh(answers) : await clinic.screen(now.map((s) => s.photo), answers);
    if (turn !== turns) return; // cleared or begun again meanwhile
    [found.value, made.value, judged] = [result, new Date(), { shots: now, info: answers }];
  } catch (error) {
    if (turn === turns) [found.value, failure.value] = [null, error];
  } finally {
    if (turn === turns) working.value = false;
  }
}

/** Forget the photos and the answers. */
export function clear(): void {
  turns++;
  working.value = false;
  shots.value.forEach(drop);
  [shots.value, info.value, judged] = [[], UNKNOWN, null];
  [found.value, made.value, failure.value, part.value] = [null, null, null, 0];
  clinic.forget();
}

export function forgetOnLeaving(): void {
  addEventListener("pagehide", () => {
    clear();
    screen.value = "start"; // for the browser's store of pages that "back" can show again
  });
}
