/** The questions, a part at a time. Every one may be left open, and open is how each begins. */

import type { Field } from "../../core/schema";
import { NumberQuestion, YesNoQuestion } from "../components/question";
import { Again } from "../components/again";
import { Clash } from "../components/clash";
import { clash, groupsFor } from "../groups";
import { go, info, part, started, told } from "../state";
import { t } from "../words";

export function QuestionsScreen() {
  const groups = groupsFor(info.value);
  const n = Math.min(part.value, groups.length - 1);
  const group = groups[n];
  const clashing = clash(told.value);
  if (group === undefined) return <></>;
  return (
    <>
      <h1 tabIndex={-1}>{t("ui.questions.title")}</h1>
      <p class="soft">{t("ui.questions.lead")}</p>
      <p class="small soft" id="part">{t("ui.questions.part", { n: n + 1, all: groups.length })}</p>
      <progress max={groups.length} value={n + 1} aria-labelledby="part" />
      <h2 tabIndex={-1} id="group">{t(group.name)}</h2>
      {group.questions.some((question) => question.sensitive) && <p class="reminder">{t("ui.questions.private")}</p>}
      {group.questions.map((question) => {
        const Question = question.kind === "yes/no" ? YesNoQuestion : NumberQuestion;
        const change = (answer: boolean | number | null) =>
          (info.value = { ...info.value, [question.field]: answer });
        return (
          <Question
            key={question.field} question={question} answer={info.value[question.field]} onAnswer={change}
            clashes={clashing.includes(question.field)}
          />
        );
      })}
      <Onward n={n} last={n === groups.length - 1} clashing={clashing} />
    </>
  );
}

interface OnwardProps {
  readonly n: number;
  readonly last: boolean;
  readonly clashing: readonly Field[];
}

function Onward({ n, last, clashing }: OnwardProps) {
  const blocked = clashing.length > 0;
  return (
    <div class="onward">
      {blocked && <Clash fields={clashing} />}
      {last || (
        <button type="button" class="main-button" onClick={() => turnTo(n + 1)}>{t("ui.next")}</button>
      )}
      <button type="button" class={last ? "main-button" : ""} disabled={blocked} onClick={() => go("result")}>
        {t("ui.questions.done")}
      </button>
      <button type="button" class="quiet" onClick={() => (n > 0 ? turnTo(n - 1) : go("photo"))}>{t("ui.back")}</button>
      {started.value && <Again />}
    </div>
  );
}

function turnTo(n: number): void {
  part.value = n;
  scrollTo(0, 0);
  queueMicrotask(() => document.getElementById("group")?.focus({ preventScroll: true }));
}
