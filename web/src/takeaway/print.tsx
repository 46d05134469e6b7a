/** One page for a clinician, in large type: on the screen, on paper, or as a PDF by way of the printer. */

import type { Known } from "../core/schema";
import { type Key, type Words } from "../i18n";
import { DecisionWords } from "../i18n/decisionWords";
import { criterionName, findingName, nextStep, reasonText } from "../i18n/say";
import { CodeView } from "./codeView";
import { answered, type CaseRecord, screeningTold } from "./record";
import "./takeaway.css";

export interface ClinicianProps {
  readonly record: CaseRecord;
  readonly words: Words;
  readonly onBack: () => void;
}

export function ClinicianView({ record, words, onBack }: ClinicianProps) {
  const { t } = words;
  return (
    <article class="clinician-view">
      <nav class="no-print takeaway-buttons">
        <button type="button" onClick={onBack}>{t("takeaway.clinician.back")}</button>
        <button type="button" onClick={() => print()}>{t("takeaway.print")}</button>
      </nav>
      <h1 tabIndex={-1}>{t("takeaway.clinician.title")}</h1>
      <p class="clinician-notice">{t("decision.intended_use")}</p>
      <Found record={record} words={words} />
      <Case record={record} words={words} />
      <Answers record={record} words={words} />
      {record.photos.length > 0 && <Photos record={record} words={words} />}
      <Origin record={record} words={words} />
      <CodeView record={record} words={words} />
    </article>
  );
}

type Part = Omit<ClinicianProps, "onBack">;

function Found({ record: { screening }, words }: Part) {
  const { t } = words;
  return (
    <section>
      <p class="clinician-decision"><DecisionWords words={words} decision={screening.decision} /></p>
      {screening.decision === "cannot tell" && <p>{t("ui.result.withheld")}</p>}
      <dl class="stacked">
        <dt>{t("takeaway.clinician.chance")}</dt>
        <dd><Chance probability={screening.probability} interval={screening.interval} words={words} /></dd>
        <dt>{t("takeaway.clinician.photo_chance")}</dt>
        <dd><Chance probability={screening.photo_probability} interval={screening.photo_interval} words={words} /></dd>
        <dt>{t("takeaway.clinician.line")}</dt>
        <dd>{words.percent(screening.operating_point)}</dd>
      </dl>
      <h2>{t("takeaway.clinician.why")}</h2>
      <ul>{screening.reasons.map((reason) => <li key={reason.key}>{reasonText(words, reason)}</li>)}</ul>
      <h2>{t("takeaway.clinician.next")}</h2>
      <p>{nextStep(words, screening)}</p>
    </section>
  );
}

interface ChanceProps {
  readonly probability: number;
  readonly interval: { readonly low: number; readonly high: number };
  readonly words: Words;
}

function Chance({ probability, interval, words }: ChanceProps) {
  const [low, high] = [words.percent(interval.low), words.percent(interval.high)];
  return <><strong>{words.percent(probability)}</strong> ({words.t("takeaway.clinician.interval", { low, high })})</>;
}

function Case({ record, words }: Part) {
  const { history } = screeningTold(record);
  return (
    <section>
      <h2>{words.t("takeaway.clinician.case")}: {met(words, history.suspected_case)}</h2>
      <dl>
        {history.criteria.map((one) => [<dt key={one.key}>{criterionName(words, one)}</dt>, <dd>{met(words, one.met)}</dd>])}
      </dl>
      {history.evidence.length > 0 && <h2>{words.t("takeaway.clinician.evidence")}</h2>}
      <dl>
        {history.evidence.map((one) => [
          <dt key={one.key}>{findingName(words, one)}: {yesNo(words, one.answer)}</dt>,
          <dd>{words.t("takeaway.clinician.times", { n: words.number(one.likelihood_ratio, 2) })}</dd>,
        ])}
      </dl>
    </section>
  );
}

function Answers({ record, words }: Part) {
  const given = answered(record.info);
  return (
    <section>
      <h2>{words.t("takeaway.clinician.answers")}</h2>
      <p>{words.plural("takeaway.clinician.answered", given.length)}</p>
      <dl>
        {given.map(([{ field }, answer]) => [
          <dt key={field}>{words.t(`question.${field}.text`)}</dt>,
          <dd>{typeof answer === "boolean" ? yesNo(words, answer) : words.number(answer, 2)}</dd>,
        ])}
      </dl>
    </section>
  );
}

function Photos({ record, words }: Part) {
  return (
    <section class="clinician-photos">
      <h2>{words.t("takeaway.clinician.photos")}</h2>
      {record.photos.map(({ n, jpeg }) => (
        <img key={n} src={`data:image/jpeg;base64,${jpeg}`} alt={words.t("ui.photo.nth", { n: words.number(n) })} />
      ))}
    </section>
  );
}

function Origin({ record, words }: Part) {
  const { bundle, bundle_sha256, mpoxlens, onnxruntime, photo_sha256 } = record.screening.provenance;
  const rows: readonly (readonly [Key, string])[] = [
    ["takeaway.clinician.model", bundle],
    ["takeaway.clinician.model_sum", bundle_sha256],
    ["takeaway.clinician.software", `mpoxlens ${mpoxlens}, onnxruntime ${onnxruntime}`],
    ["takeaway.clinician.photo_sum", photo_sha256],
  ];
  return (
    <section class="clinician-origin">
      <h2>{words.t("takeaway.clinician.origin")}</h2>
      <p>{words.t("takeaway.clinician.made", { when: words.date(record.made) })}</p>
      <dl class="stacked">{rows.map(([key, value]) => [<dt key={key}>{words.t(key)}</dt>, <dd dir="ltr">{value}</dd>])}</dl>
    </section>
  );
}

function met(words: Words, known: Known): string {
  const key = known === null ? "takeaway.clinician.open" : known ? "takeaway.clinician.met" : "takeaway.clinician.not_met";
  return words.t(key);
}

function yesNo(words: Words, answer: boolean): string {
  return words.t(answer ? "ui.answer.yes" : "ui.answer.no");
}
