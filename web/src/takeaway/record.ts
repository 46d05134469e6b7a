/** What a person takes along: the screening, the answers they chose to give away, and the photos only when asked. */

import { suspectedCase } from "../core/caseDefinition";
import { implied } from "../core/history";
import { toJson } from "../core/jsonLines";
import { type Question, QUESTIONS } from "../core/questions";
import type { ClinicalInfo, Screening } from "../core/schema";
import { UNKNOWN } from "../core/schema";

export interface CaseRecord {
  readonly screening: Screening;
  readonly info: ClinicalInfo;
  readonly made: Date;
  readonly photos: readonly TakenPhoto[];
}

export interface TakenPhoto {
  readonly n: number; // its place among the photos of the person, from 1
  readonly jpeg: string; // without metadata, base64
}

/** What a photo is called in every record: the name of its file may be the person's own. */
export function photoName(n: number): string {
  return `photo ${n}`;
}

/** Private answers become unknown, so that nobody passes them on without having said so. */
export function withoutSensitive(info: ClinicalInfo): ClinicalInfo {
  const kept = QUESTIONS.filter((question) => !question.sensitive).map(({ field }) => [field, info[field]] as const);
  return { ...UNKNOWN, ...Object.fromEntries(kept) };
}

/** The answers that are known, in the order of asking. */
export function answered(info: ClinicalInfo): readonly (readonly [Question, boolean | number])[] {
  return QUESTIONS.flatMap((question) => {
    const answer = info[question.field];
    return answer === null ? [] : [[question, answer] as const];
  });
}

/** The file of `format` "mpoxlens take-along": `screening` is what `mpoxlens screen --json` prints. */
export function recordText(record: CaseRecord): string {
  const answers = Object.fromEntries(answered(record.info).map(([question, answer]) => [question.field, answer]));
  const made = record.made.toISOString();
  const whole = { format: "mpoxlens take-along", version: 1, made, screening: toJson(screeningTold(record)), answers };
  const photos = record.photos.map(({ n, jpeg }) => ({ name: photoName(n), jpeg }));
  return `${JSON.stringify(photos.length === 0 ? whole : { ...whole, photos }, null, 1)}\n`;
}

/**
 * The screening without what rests on a private answer that the record leaves out: its evidence and its criterion.
 *
 * The chance, the total ratio and "suspected case" stay as they were found, so a skilled reader may still guess at it.
 */
export function screeningTold({ screening, info }: Pick<CaseRecord, "screening" | "info">): Screening {
  const hidden = QUESTIONS.filter((question) => question.sensitive && info[question.field] === null);
  const fields = new Set<string>(hidden.map(({ field }) => field));
  const evidence = screening.history.evidence.filter((one) => !one.key.split("+").some((field) => fields.has(field)));
  const { criteria } = suspectedCase(implied(info));
  return { ...screening, history: { ...screening.history, criteria, evidence } };
}

/** A name that sorts by time and names nobody. */
export function fileName(made: Date, ending: string): string {
  const stamp = made.toISOString().slice(0, 19).replaceAll(":", "").replace("T", "-");
  return `mpoxlens-${stamp}.${ending}`;
}
