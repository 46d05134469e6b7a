/**
 * Several photos of one person become one set of numbers; a single photo gives what Python's engine gives.
 *
 * Photos that the gate lets pass and that the model knows are counted. Their calibrated log-odds are averaged, in the
 * estimate and in each draw of the bootstrap. The person's photos are strange only if every usable one is. Where the
 * mean says "other" but one photo by itself says "mpox", no decision is taken: healthy skin in two photos must not
 * outvote the lesion in a third. Nor is one taken where the mean says "other" and a photo was not counted: the lesion may
 * be in that one.
 */

import type { Spec } from "./bundle";
import { sum } from "./numbers";
import { logOdds, oddsAt, side, sigmoid } from "./rules";
import type { Classification, Gate, Reason } from "./schema";
import { reason } from "./texts";

/** What one photo gave by itself. */
export interface Examined {
  readonly gate: Gate;
  readonly strange: Reason | null;
  readonly found: Classification;
}

/** What the photos of a person gave together. */
export interface Combined {
  readonly gate: Gate;
  readonly doubt: Reason | null; // strange, photos that disagree, or "other" while one was not counted
  readonly odds: number; // calibrated log-odds of mpox
  readonly drawn: readonly number[]; // the same in each draw of the bootstrap
  readonly probabilities: Readonly<Record<string, number>>;
  readonly ood_score: number; // of the strangest photo that counts
}

export function combine(spec: Spec, shots: readonly Examined[]): Combined {
  const usable = shots.filter((shot) => shot.gate.usable);
  const familiar = usable.filter(counts);
  const used = [familiar, usable, shots].find((some) => some.length) ?? [];
  const each = used.map((shot) => logOdds(spec.calibration, shot.found.logits, spec.column));
  return {
    gate: usable.length ? (used[0] as Examined).gate : refusedGate(shots),
    doubt: familiar.length ? hidden(spec, each, shots.length) : (usable[0]?.strange ?? null),
    odds: mean(each),
    drawn: spec.calibration.bootstrap.map(([t, b]) =>
      mean(used.map((shot) => oddsAt(shot.found.logits, spec.column, t, b))),
    ),
    probabilities: shares(spec, used, sigmoid(mean(each))),
    ood_score: Math.max(...used.map((shot) => shot.found.ood_score)),
  };
}

/** Usable, and known to the model. */
export function counts(shot: Examined): boolean {
  return shot.gate.usable && !shot.strange;
}

/** Where a lesion may hide behind a mean of "other": in one that counts, or in one of `shots` that does not. */
function hidden(spec: Spec, each: readonly number[], shots: number): Reason | null {
  const says = (odds: number) => side(sigmoid(odds), spec.conformal, spec.operating_point);
  if (says(mean(each)) !== "other") return null;
  if (each.some((odds) => says(odds) === "mpox")) return reason("photos_disagree");
  return each.length < shots ? reason("photo_left_out") : null;
}

/** No photo is usable: every reason once, in the order in which they came. */
function refusedGate(shots: readonly Examined[]): Gate {
  const reasons = new Map(shots.flatMap((shot) => shot.gate.reasons.map((one) => [one.key, one])));
  return { usable: false, reasons: [...reasons.values()], measures: shots[0]?.gate.measures ?? {} };
}

/** The positive label by the mean log-odds, the others by their mean shares of the rest. */
function shares(spec: Spec, used: readonly Examined[], probability: number): Record<string, number> {
  const single = used.length === 1 ? used[0] : undefined;
  if (single) return { ...single.found.probabilities };
  const means = spec.labels.map((label) => mean(used.map((shot) => shot.found.probabilities[label] ?? NaN)));
  const rest = sum(means) - (means[spec.column] ?? 0);
  const scaled = means.map((p, n) => (n === spec.column ? probability : (p / rest) * (1 - probability)));
  return Object.fromEntries(spec.labels.map((label, n) => [label, scaled[n] ?? NaN]));
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}
