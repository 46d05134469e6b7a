/** What the page knows while it is open. Nothing of it is stored, and leaving the page clears it. */

import { computed, signal } from "@preact/signals";
import { UNKNOWN, type ClinicalInfo, type PhotoInput, type Screening } from "../core/schema";
import { photoName } from "../takeaway/record";
import { clinic, status } from "./clinic";
import { seenOf } from "./groups";
import { Problem } from "./problems";
import { drop, type Shot } from "./shots";

export const STEPS = ["photo", "questions", "result", "take"] as const;
export type Step = (typeof STEPS)[number];
export type Screen = "start" | "read" | Step;
export const MOST_SHOTS = 6; // photos of one person; more would only fill a small phone's memory

export const screen = signal<Screen>("start");
export const shots = signal<readonly Shot[]>([]);
export const problems = signal<readonly Problem[]>([]); // of photos that could not be taken in
export const reading = signal(0); // how many choices of photos are being read
export const info = signal<ClinicalInfo>(UNKNOWN); // every answer that was given
export const told = computed(() => seenOf(info.value)); // what is judged and taken along
export const found = signal<Screening | null>(null);
export const made = signal<Date | null>(null); // when `found` was
export const working = signal(false);
export const failure = signal<unknown>(null); // of the last screening
export const part = signal(0); // of the questions

export const answered = computed(() => Object.values(info.value).some((answer) => answer !== null));
const photographed = computed(() => shots.value.length + reading.value + problems.value.length > 0); // or tried
export const started = computed(() => photographed.value || answered.value);

let judged: { readonly shots: readonly Shot[]; readonly info: ClinicalInfo } | null = null; // what `found` rests on
let turns = 0; // of judging; only the last one counts
let person = 0; // whose photos these are: another one after each clearing

/** Show a screen; the browser's own "back" leads to the one before. */
export function go(to: Screen): void {
  if (to === screen.value) return;
  history.pushState({ screen: to }, "");
  show(to);
}

export function followHistory(): void {
  history.replaceState({ screen: "start" }, ""); // a page that is loaded anew knows nothing and starts at the start
  window.addEventListener("popstate", (event) => {
    const state = event.state as { screen?: Screen } | null; // null: a link within the page
    if (state?.screen !== undefined) show(state.screen);
  });
}

function show(to: Screen): void {
  screen.value = to;
  scrollTo(0, 0);
  if (to === "result" || to === "take") void judge();
}

/** Screen the photos, or weigh the new answers where the photos are the same; a result of other photos never stays. */
export async function judge(): Promise<void> {
  const [now, answers] = [shots.value, told.value];
  if (found.value !== null && now === judged?.shots && answers === judged.info) return;
  const again = found.value !== null && now === judged?.shots && status.value.kind === "ready"; // it still knows them
  failure.value = null;
  if (!again) found.value = null;
  const turn = ++turns;
  working.value = now.length > 0;
  if (now.length === 0) return;
  try {
    const result = again ? await clinic.reweigh(answers) : await clinic.screen(named(now), answers);
    if (turn !== turns) return; // cleared or begun again meanwhile
    [found.value, made.value, judged] = [result, new Date(), { shots: now, info: answers }];
  } catch (error) {
    if (turn === turns) [found.value, failure.value] = [null, error];
  } finally {
    if (turn === turns) working.value = false;
  }
}

/** The photos under names of the page's own: those of the files stay out of every record. */
export function named(all: readonly Shot[]): readonly PhotoInput[] {
  return all.map(({ photo }, n) => ({ ...photo, name: photoName(n + 1) }));
}

/** Take photos in one after the other, and say which could not be; what comes after `clear` was the person's before. */
export async function takeIn(coming: readonly (() => Promise<Shot>)[]): Promise<void> {
  const mine = person;
  [problems.value, reading.value] = [[], reading.value + 1];
  for (const read of coming) if (mine === person && shots.value.length < MOST_SHOTS) await take(read, mine);
  if (mine === person) reading.value--;
}

async function take(read: () => Promise<Shot>, mine: number): Promise<void> {
  try {
    const shot = await read();
    if (mine !== person || shots.value.length >= MOST_SHOTS) drop(shot);
    else shots.value = [...shots.value, shot];
  } catch (error) {
    const problem = error instanceof Problem ? error : new Problem("ui.problem.unforeseen");
    if (mine === person) problems.value = [...problems.value, problem];
  }
}

/** Forget the photos and the answers. */
export function clear(): void {
  turns++;
  person++;
  [working.value, reading.value, problems.value] = [false, 0, []];
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
