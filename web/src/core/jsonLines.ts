/** A screening as plain JSON, as `mpoxlens screen --json` prints it. Mirrors `screening/json_lines.py`. */

import { round } from "./numbers";
import { INTENDED_USE, type Gate, type History, type Interval, type Reason, type Screening } from "./schema";
import rules from "../tables/rules.json";

/** The published form: `screening.schema.json` holds for it. Numbers are finite and rounded to six digits. */
export function toJson(found: Screening) {
  return {
    schema_version: rules.json.SCHEMA_VERSION,
    file: found.file,
    decision: found.decision,
    probability: number(found.probability),
    interval: interval(found.interval),
    gate: gate(found.gate),
    reasons: reasons(found.reasons),
    next_step: found.next_step,
    error: null,
    photo_probability: number(found.photo_probability),
    photo_interval: interval(found.photo_interval),
    prediction_set: [...found.prediction_set],
    operating_point: number(found.operating_point),
    probabilities: numbers(found.probabilities),
    ood_score: number(found.ood_score),
    history: history(found.history),
    provenance: { ...found.provenance },
    intended_use: INTENDED_USE,
  };
}

export type ScreeningJson = ReturnType<typeof toJson>;

function gate({ usable, reasons: why, measures }: Gate) {
  return { usable, reasons: reasons(why), measures: numbers(measures) };
}

function reasons(found: readonly Reason[]) {
  return found.map(({ code, text, next_step }) => ({ code, text, next_step }));
}

function history(found: History) {
  return {
    suspected_case: found.suspected_case,
    criteria: found.criteria.map(({ name, met }) => ({ name, met })),
    evidence: found.evidence.map(({ finding, answer, likelihood_ratio, source }) => ({
      finding, answer, likelihood_ratio: number(likelihood_ratio), source,
    })),
    likelihood_ratio: number(found.likelihood_ratio),
    answered: found.answered,
  };
}

function interval({ low, high }: Interval) {
  return { low: number(low), high: number(high) };
}

function numbers(found: Readonly<Record<string, number>>) {
  return Object.fromEntries(Object.entries(found).map(([name, value]) => [name, number(value)]));
}

function number(value: number): number {
  if (!Number.isFinite(value)) throw new RangeError(`${value} cannot be written as JSON`);
  return round(value, rules.json.DIGITS);
}
