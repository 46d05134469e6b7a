/** What the clinic says, in the reader's language. What has no translation stays in English. */

import type { Criterion, Decision, Evidence, Reason, Screening } from "../core/schema";
import en from "./en.json";
import type { Key, Values, Words } from "./index";

const DECISION_KEYS: Readonly<Record<Decision, Key>> = {
  "mpox likely": "decision.likely",
  "mpox unlikely": "decision.unlikely",
  "cannot tell": "decision.cannot_tell",
};

export function decisionName(words: Words, decision: Decision): string {
  return words.t(DECISION_KEYS[decision]);
}

/** What to do after a decision of which no reasons are known, as from a code. */
export function nextAfter(words: Words, decision: Decision): string {
  if (decision === "cannot tell") return `${words.t("ui.result.withheld")} ${words.t("decision.care")}`;
  return words.t(decision === "mpox likely" ? "decision.next.likely" : "decision.next.unlikely");
}

export function reasonText(words: Words, reason: Reason): string {
  const key = `decision.reason.${reason.key}.text`;
  return isKey(key) ? words.t(key, spoken(words, reason.values)) : reason.text;
}

export function reasonStep(words: Words, reason: Reason): string {
  const key = `decision.reason.${reason.key}.step`;
  return isKey(key) ? words.t(key, spoken(words, reason.values)) : reason.next_step;
}

/** What to do now; the same sentences as `next_step`, in the same order. */
export function nextStep(words: Words, found: Screening): string {
  if (found.decision !== "cannot tell") return nextAfter(words, found.decision);
  const first = found.reasons[0];
  return `${first ? reasonStep(words, first) : ""} ${words.t("decision.care")}`.trim();
}

export function criterionName(words: Words, criterion: Criterion): string {
  const key = `decision.criterion.${criterion.key}`;
  return isKey(key) ? words.t(key) : criterion.name;
}

export function findingName(words: Words, evidence: Evidence): string {
  const key = `decision.finding.${evidence.key}`;
  return isKey(key) ? words.t(key) : evidence.finding;
}

function isKey(key: string): key is Key {
  return Object.hasOwn(en, key);
}

/** `share` is a whole per cent, and each language has its own way to say one. */
function spoken(words: Words, values: Values): Values {
  const said = ([name, value]: [string, string | number]): [string, string] => {
    if (name === "share") return [name, words.percent(Number(value) / 100)];
    return [name, typeof value === "number" ? words.number(value) : value];
  };
  return Object.fromEntries(Object.entries(values).map(said));
}
