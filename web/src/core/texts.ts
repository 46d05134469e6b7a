/** The English texts of the clinic, as Python says them; other languages are found by a reason's key. */

import { wholePercent } from "./numbers";
import type { Reason, Values } from "./schema";
import strings from "../tables/strings.json";

export type ReasonKey = keyof typeof strings.reasons;

/** A reason by its key; `share` among the values is a whole per cent. */
export function reason(key: ReasonKey, values: Values = {}): Reason {
  const { code, text, next_step } = strings.reasons[key];
  const spoken = "share" in values ? { ...values, share: percentText(Number(values["share"])) } : values;
  return { code, text: filled(text, spoken), next_step, key, values };
}

/** Whole per cent in words; nobody is told that a model is certain. Mirrors `decide.percent`. */
export function percent(probability: number): string {
  return percentText(wholePercent(probability));
}

export function filled(text: string, values: Values): string {
  return text.replace(/\{(\w+)\}/g, (held, name: string) => String(values[name] ?? held));
}

function percentText(whole: number): string {
  if (whole < 1) return strings.percent.below;
  if (whole > 99) return strings.percent.above;
  return filled(strings.percent.whole, { share: whole });
}
