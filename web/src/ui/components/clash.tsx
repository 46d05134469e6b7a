/** The two answers that cannot both be true, named, so that either can be found and changed. */

import type { Field } from "../../core/schema";
import { QUESTIONS } from "../../core/questions";
import { t, text } from "../words";

export const CLASH = "clash"; // id, by which the two questions are described

export function Clash({ fields }: { readonly fields: readonly Field[] }) {
  const both = QUESTIONS.filter(({ field }) => fields.includes(field));
  return (
    <div class="notice problem" role="alert" id={CLASH}>
      <p>{t("ui.questions.clash")}</p>
      <ul>{both.map((one) => <li key={one.field}>{text(`question.${one.field}.text`, one.text)}</li>)}</ul>
    </div>
  );
}
