/** The clinical history: read strictly, weigh cautiously. Mirrors `screening/history.py`. */

import { suspectedCase } from "./caseDefinition";
import { TABLE, update, type Table } from "./likelihood";
import { checked, QUESTIONS, type Answer } from "./questions";
import { ClinicError, UNKNOWN, type ClinicalInfo, type Field, type History } from "./schema";
import rules from "../tables/rules.json";

const CORRECT = "correct one of the two, or leave one out";
const PAIRS = rules.contradictions as unknown as readonly (readonly [Said, Said])[];
const SPOTS = rules.spots as readonly Field[];
type Said = readonly [Field, Answer];

/** Turn answers into `ClinicalInfo`; what is absent or null is unknown. Throws a `ClinicError` of kind HistoryError. */
export function parseHistory(answers: unknown, name = "history"): ClinicalInfo {
  if (answers === null || typeof answers !== "object" || Array.isArray(answers))
    throw new ClinicError(name, "it does not hold an object", 'give one such as {"fever": true}', "HistoryError");
  const info: Record<string, Answer> = { ...UNKNOWN };
  for (const [field, value] of Object.entries(answers)) {
    const question = QUESTIONS.find((one) => one.field === field);
    if (!question)
      throw new ClinicError(`${name}: ${field.slice(0, 60)}`, "no such question", "leave it out", "HistoryError");
    info[field] = checked(question, value, `${name}: `);
  }
  const found = info as unknown as ClinicalInfo;
  checkConsistent(found, name);
  return found;
}

/** Refuse answers that contradict each other with a `ClinicError`. */
export function checkConsistent(info: ClinicalInfo, name = "history"): void {
  const found = contradiction(info);
  if (!found) return;
  const [[first, a], [second, b]] = found;
  const what = `${name}: ${first} is ${String(a)}, but ${second} is ${String(b)}`;
  throw new ClinicError(what, "they contradict each other", CORRECT, "HistoryError");
}

/** The first two answers that cannot both be true of one person, or null. */
export function contradiction(info: ClinicalInfo): readonly [Said, Said] | null {
  const pair = PAIRS.find((both) => both.every(([field, answer]) => info[field] === answer));
  if (pair) return pair;
  const { fever_celsius: celsius, lesion_count: count } = info;
  if (info.fever === false && celsius !== null && celsius > rules.case_definition.FEVER_ABOVE)
    return [["fever", false], ["fever_celsius", celsius]];
  const spot = count === 0 ? SPOTS.find((field) => info[field] === true) : undefined;
  if (spot) return [["lesion_count", 0], [spot, true]];
  if (info.acute_rash === false && count) return [["acute_rash", false], ["lesion_count", count]];
  return null;
}

/** Fill in what other answers imply: groin nodes are nodes, and crops of lesions are not at one stage. */
export function implied(info: ClinicalInfo): ClinicalInfo {
  return {
    ...info,
    lymphadenopathy: info.lymphadenopathy ?? (info.inguinal_nodes ? true : null),
    monomorphic: info.monomorphic ?? (info.crops_of_lesions ? false : null),
  };
}

/** Weigh the answers: the WHO case definition, and the likelihood ratio by the table. */
export function weigh(info: ClinicalInfo, table: Table = TABLE): History {
  const answered = Object.values(info).filter((value) => value !== null).length;
  const full = implied(info);
  const { met, criteria } = suspectedCase(full);
  const { evidence, ratio } = update(full, table);
  return { suspected_case: met, criteria, evidence, likelihood_ratio: ratio, answered };
}
