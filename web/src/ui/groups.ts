/** In which parts the questions are asked, and which of them fit what is known so far. */

import { contradiction } from "../core/history";
import { questionsFor, type Question } from "../core/questions";
import { UNKNOWN, type ClinicalInfo, type Field } from "../core/schema";
import type { Key } from "../i18n";

export interface Group {
  readonly name: Key;
  readonly questions: readonly Question[];
}

const START: readonly Field[] = ["age", "days_since_onset", "acute_rash", "lesion_count", "contact_21_days"];
const SPOTS: readonly Field[] = ["mucosal_lesions", "palms_and_soles", "monomorphic", "crops_of_lesions", "pustules", "itch"];
// A question that makes sense only after a yes, or that only a no makes idle.
const AFTER_YES: Partial<Record<Field, Field>> = { fever_celsius: "fever", fever_before_rash: "fever" };
const UNLESS_NO: Partial<Record<Field, Field>> = { inguinal_nodes: "lymphadenopathy" };

/** The parts in their order, with the questions that fit the person; a part without questions is left out. */
export function groupsFor(info: ClinicalInfo): readonly Group[] {
  const fitting = questionsFor(info.age).filter((question) => fits(question.field, info));
  const of = (name: Key, belongs: (question: Question) => boolean): Group => ({
    name,
    questions: fitting.filter(belongs),
  });
  const open = (fields: readonly Field[]) => (one: Question) => !one.sensitive && fields.includes(one.field);
  return [
    of("ui.questions.group.start", open(START)),
    of("ui.questions.group.spots", open(SPOTS)),
    of("ui.questions.group.body", (one) => !one.sensitive && ![...START, ...SPOTS].includes(one.field)),
    of("ui.questions.group.private", (one) => one.sensitive),
  ].filter((group) => group.questions.length > 0);
}

/** Only the answers that are seen: whoever types 41 passes 4, at which age some questions are not asked. */
export function seenOf(info: ClinicalInfo): ClinicalInfo {
  const asked = groupsFor(info).flatMap((group) => group.questions.map(({ field }) => [field, info[field]] as const));
  return { ...UNKNOWN, ...Object.fromEntries(asked) };
}

/** The two fields whose answers cannot both be true, or none. */
export function clash(info: ClinicalInfo): readonly Field[] {
  return contradiction(info)?.map(([field]) => field) ?? [];
}

function fits(field: Field, info: ClinicalInfo): boolean {
  const [after, unless] = [AFTER_YES[field], UNLESS_NO[field]];
  return (after === undefined || info[after] === true) && (unless === undefined || info[unless] !== false);
}
