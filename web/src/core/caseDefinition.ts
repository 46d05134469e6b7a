/** The WHO definition of a suspected case of mpox, in three-valued logic. Mirrors `screening/case_definition.py`. */

import type { ClinicalInfo, Criterion, Known } from "./schema";
import rules from "../tables/rules.json";
import strings from "../tables/strings.json";

/** In the order of `strings.criteria`: contact, five general signs, three of the skin. */
export const CRITERIA = [
  "contact_21_days", "high_fever", "headache", "myalgia", "back_pain", "fatigue",
  "acute_rash", "mucosal_or_anogenital", "lymphadenopathy",
] as const;

/** Whether the definition is met, and each of its criteria. */
export function suspectedCase(info: ClinicalInfo): { met: Known; criteria: Criterion[] } {
  const mucosal = anyOf([info.mucosal_lesions, info.anogenital_lesions, info.proctitis]);
  const signs = [highFever(info), info.headache, info.myalgia, info.back_pain, info.fatigue];
  const skin = [info.acute_rash, mucosal, info.lymphadenopathy];
  const byContact = allOf([info.contact_21_days, anyOf(signs)]);
  const met = [info.contact_21_days, ...signs, ...skin];
  const criteria = CRITERIA.map((key, n) => ({ name: strings.criteria[n] ?? key, met: met[n] ?? null, key }));
  return { met: anyOf([byContact, ...skin]), criteria };
}

/** Kleene's "or": true when one is, false when all are, else unknown. */
export function anyOf(values: readonly Known[]): Known {
  return values.includes(true) ? true : values.includes(null) ? null : false;
}

/** Kleene's "and": false when one is, true when all are, else unknown. */
export function allOf(values: readonly Known[]): Known {
  return values.includes(false) ? false : values.includes(null) ? null : true;
}

/** A measured temperature decides; a fever that nobody measured may or may not be above the limit. */
function highFever(info: ClinicalInfo): Known {
  if (info.fever_celsius !== null) return info.fever_celsius > rules.case_definition.FEVER_ABOVE;
  return info.fever === false ? false : null;
}
