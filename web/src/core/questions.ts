/** The questions that are asked about the person, and the range of each answer. Mirrors `screening/questions.py`. */

import { ClinicError, type Field } from "./schema";
import table from "../tables/questions.json";

export type Kind = "yes/no" | "whole number" | "number";
export type Answer = boolean | number | null;

export interface Question {
  readonly field: Field;
  readonly text: string; // English
  readonly kind: Kind;
  readonly why: string;
  readonly sensitive: boolean;
  readonly from_age: number; // years; not asked of the younger
  readonly low: number | null; // null: any
  readonly high: number | null;
}

export const QUESTIONS = table.questions as readonly Question[];
export const UNKNOWN_HINT = "leave it out, or give null, where the answer is unknown";
const EXPECTED: Record<Kind, string> = {
  "yes/no": "true or false", "whole number": "a whole number", number: "a number",
};

/** The questions that fit a person of this age, in the order of asking. */
export function questionsFor(age: number | null): Question[] {
  return QUESTIONS.filter((question) => age === null || age >= question.from_age);
}

/** Return a value as an answer, or refuse it with a `ClinicError`. `where` begins the message. */
export function checked(question: Question, value: unknown, where = ""): Answer {
  if (value === null || value === undefined) return null;
  const what = `${where}${question.field} is ${shown(value)}`;
  if (!fits(question.kind, value))
    throw new ClinicError(what, `it must be ${EXPECTED[question.kind]}`, UNKNOWN_HINT, "HistoryError");
  const { low, high } = question;
  if (typeof value === "number" && low !== null && high !== null && !(low <= value && value <= high))
    throw new ClinicError(what, `it must lie between ${low} and ${high}`, UNKNOWN_HINT, "HistoryError");
  return value;
}

function fits(kind: Kind, value: unknown): value is boolean | number {
  if (kind === "yes/no") return typeof value === "boolean";
  return kind === "whole number" ? Number.isInteger(value) : Number.isFinite(value);
}

function shown(value: unknown): string {
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length <= 40 ? text : `${text.slice(0, 37)}...`;
}
