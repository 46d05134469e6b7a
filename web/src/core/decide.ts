/**
 * From numbers to one of three decisions, and why. Mirrors `screening/decide.py`, rule for rule.
 *
 * The worst error is a wrong "unlikely", so every rule leans away from it.
 */

import { wholePercent } from "./numbers";
import { predictionSet, side, type Conformal } from "./rules";
import type { Decision, Gate, Interval, Known, Member, Reason } from "./schema";
import { reason } from "./texts";
import rules from "../tables/rules.json";
import strings from "../tables/strings.json";

/** All that a decision rests on. */
export interface Numbers {
  readonly gate: Gate;
  readonly strange: Reason | null;
  readonly photo_probability: number; // of mpox, photo alone
  readonly probability: number; // of mpox, photo and history together
  readonly interval: Interval; // of `probability`
  readonly likelihood_ratio: number; // of the history, 1 where nothing is known
  readonly suspected_case: Known; // WHO definition
  readonly contact: Known; // with a case within 21 days
}

export interface Verdict {
  readonly decision: Decision;
  readonly probability: number;
  readonly interval: Interval;
  readonly prediction_set: readonly Member[];
  readonly reasons: readonly Reason[];
  readonly next_step: string;
}

/** Decide by the bundle's prediction set and operating point. */
export function decide(numbers: Numbers, conformal: Conformal, operatingPoint: number): Verdict {
  const members = predictionSet(conformal, numbers.probability);
  const alone = outcomeOf(numbers.photo_probability, conformal, operatingPoint);
  const outcome = outcomeOf(numbers.probability, conformal, operatingPoint);
  const forbidding = [...withheld(numbers, alone, outcome)];
  if (forbidding.length || outcome === "cannot tell")
    return verdict(numbers, "cannot tell", members, forbidding.length ? forbidding : [undecided(members, alone)]);
  return verdict(numbers, outcome, members, [...grounds(numbers, outcome, operatingPoint)]);
}

export function outcomeOf(probability: number, conformal: Conformal, operatingPoint: number): Decision {
  const member = side(probability, conformal, operatingPoint);
  return member === null ? "cannot tell" : member === "mpox" ? "mpox likely" : "mpox unlikely";
}

/** What forbids a decision, the gravest first; what the photo shows counts only where it can be judged. */
function* withheld(numbers: Numbers, alone: Decision, both: Decision): Generator<Reason> {
  const { gate, strange } = numbers;
  yield* gate.reasons;
  if (!gate.usable && !gate.reasons.length) yield reason("unusable");
  if (!gate.usable) return; // strangeness and conflict would only repeat that this is no good photo
  if (strange) {
    yield strange;
    return;
  }
  const found = conflict(numbers, alone, both);
  if (found) yield found;
}

function conflict(numbers: Numbers, alone: Decision, both: Decision): Reason | null {
  const { suspected_case: suspected, likelihood_ratio: ratio } = numbers;
  if (numbers.contact === true && (alone === "mpox unlikely" || both === "mpox unlikely"))
    return reason("history_contradicts_contact");
  if (alone === "mpox unlikely" && both === "mpox likely") return reason("history_contradicts_for");
  const against = suspected === false || ratio <= rules.decide.STRONGLY_AGAINST || both !== alone;
  if (alone === "mpox likely" && against) return reason("history_contradicts_against");
  if (both === "mpox unlikely" && alone !== "mpox unlikely") return reason("history_alone");
  return null;
}

function undecided(members: readonly Member[], alone: Decision): Reason {
  if (alone !== "cannot tell") return reason("answers_undecide");
  return reason(members.length === 2 ? "both_fit" : "none_fits");
}

function* grounds(numbers: Numbers, outcome: Decision, operatingPoint: number): Generator<Reason> {
  const likely = outcome === "mpox likely";
  yield reason(likely ? "photo_likely" : "photo_unlikely", { share: wholePercent(numbers.photo_probability) });
  if (numbers.likelihood_ratio > 1) yield reason("history_for");
  else if (numbers.likelihood_ratio < 1) yield reason("history_against");
  if (numbers.suspected_case) yield reason("suspected_case");
  if (likely && numbers.probability < 0.5) yield reason("low_line", { share: wholePercent(operatingPoint) });
}

function verdict(
  numbers: Numbers, decision: Decision, members: readonly Member[], reasons: readonly Reason[],
): Verdict {
  const { likely, unlikely, care } = strings.next_step;
  const steps: Record<Decision, string> = {
    "mpox likely": likely,
    "mpox unlikely": unlikely,
    "cannot tell": `${reasons[0]?.next_step ?? ""} ${care}`.trim(),
  };
  const { probability, interval } = numbers;
  return { decision, probability, interval, prediction_set: members, reasons, next_step: steps[decision] };
}
