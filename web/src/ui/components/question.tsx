/** One question with its answer; sensitive ones say why they are asked. */

import { useState } from "preact/hooks";
import type { Answer, Question } from "../../core/questions";
import type { Key } from "../../i18n";
import { t, text, words } from "../words";
import { CLASH } from "./clash";

interface Props {
  readonly question: Question;
  readonly answer: Answer;
  readonly clashes: boolean;
  readonly onAnswer: (answer: Answer) => void;
}

const CHOICES: readonly (readonly [Answer, Key])[] = [
  [true, "ui.answer.yes"],
  [false, "ui.answer.no"],
  [null, "ui.answer.unknown"],
];

export function YesNoQuestion({ question, answer, clashes, onAnswer }: Props) {
  return (
    <fieldset
      class={clashes ? "question clashes" : "question"} role="radiogroup" aria-invalid={clashes}
      aria-describedby={clashes ? CLASH : undefined}
    >
      <legend>{wording(question)}</legend>
      <Why question={question} />
      <div class="answers">
        {CHOICES.map(([value, key]) => (
          <label key={key} class={value === null ? "open" : ""}>
            <input
              type="radio" name={question.field} checked={answer === value}
              onChange={() => onAnswer(value)}
            />
            <span>{t(key)}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

export function NumberQuestion({ question, answer, clashes, onAnswer }: Props) {
  const [typed, setTyped] = useState(answer === null ? "" : words.value.typed(Number(answer)));
  const [bad, setBad] = useState(false);
  const { field, low, high } = question;
  const range = { low: words.value.number(low ?? 0), high: words.value.number(high ?? 0) };
  const take = (value: string) => {
    setTyped(value);
    const parsed = parseNumber(value, question);
    setBad(parsed === undefined);
    onAnswer(parsed ?? null);
  };
  return (
    <div class={clashes ? "question clashes" : "question"}>
      <label for={field}>{wording(question)}</label>
      <Why question={question} />
      <p class="small soft" id={`${field}-range`}>{t("ui.questions.range", range)}</p>
      <input
        id={field} type="text" inputMode={question.kind === "number" ? "decimal" : "numeric"} autocomplete="off" dir="ltr"
        value={typed} aria-describedby={clashes ? `${field}-range ${CLASH}` : `${field}-range`} aria-invalid={bad || clashes}
        onInput={(event) => take(event.currentTarget.value)}
      />
      <p class="warning" role="alert">
        {bad && t(question.kind === "number" ? "ui.questions.bad" : "ui.questions.bad_whole", range)}
      </p>
    </div>
  );
}

/** The number that was typed: null where nothing was, undefined where it is none or out of range. */
export function parseNumber(typed: string, question: Question): number | null | undefined {
  const plain = latinDigits(typed.trim()).replace(/[,٫]/, ".");
  if (plain === "") return null;
  if (!(question.kind === "number" ? /^\d+(\.\d*)?$/ : /^\d+$/).test(plain)) return undefined;
  const value = Number(plain);
  return (question.low ?? value) <= value && value <= (question.high ?? value) ? value : undefined;
}

/** Arabic keyboards type Arabic-Indic digits. */
function latinDigits(typed: string): string {
  return typed.replace(/[٠-٩]/g, (digit) => String(digit.charCodeAt(0) - 0x660));
}

function Why({ question }: { readonly question: Question }) {
  if (!question.sensitive) return null;
  const why = text(`question.${question.field}.why`, question.why);
  return <p class="small soft">{t("ui.questions.why", { why })}</p>;
}

function wording(question: Question): string {
  return text(`question.${question.field}.text`, question.text);
}
