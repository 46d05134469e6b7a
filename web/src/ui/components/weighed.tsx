/** What the answers change, and what they mean for WHO's definition of a suspected case. */

import type { Evidence, History, Known, Screening } from "../../core/schema";
import { criterionName, findingName } from "../../i18n/say";
import type { Key } from "../../i18n";
import { percent, t, words } from "../words";

export function Weighed({ screening }: { readonly screening: Screening }) {
  const { history, photo_probability: alone, photo_interval: range } = screening;
  return (
    <section class="card">
      <h2>{t("ui.weigh.title")}</h2>
      {history.answered === 0 && <p>{t("ui.weigh.none")}</p>}
      {history.answered > 0 && history.evidence.length === 0 && <p>{t("ui.weigh.nothing")}</p>}
      {history.evidence.length > 0 && (
        <>
          <ul class="plain lines">{history.evidence.map((one) => <Line key={one.key} evidence={one} />)}</ul>
          <p><strong>{t("ui.weigh.all", { effect: effect(history.likelihood_ratio) })}</strong></p>
          <dl>
            <dt>{t("ui.result.from_photo")}</dt>
            <dd>{percent(alone)} <span class="soft small">({percent(range.low)} – {percent(range.high)})</span></dd>
            <dt>{t("ui.result.from_both")}</dt>
            <dd>{percent(screening.probability)} <span class="soft small">({percent(screening.interval.low)} – {percent(screening.interval.high)})</span></dd>
          </dl>
        </>
      )}
    </section>
  );
}

function Line({ evidence }: { readonly evidence: Evidence }) {
  return (
    <li>
      <span>{findingName(words.value, evidence)}: {t(evidence.answer ? "ui.answer.yes" : "ui.answer.no")}</span>{" "}
      <strong>{effect(evidence.likelihood_ratio)}</strong>
      <details class="small soft">
        <summary>{t("help.source")}</summary>
        <p lang="en" dir="ltr">{evidence.source}</p>
      </details>
    </li>
  );
}

/** In words what a likelihood ratio does to the odds. */
function effect(ratio: number): string {
  if (Math.abs(ratio - 1) < 0.005) return t("ui.weigh.same");
  const n = words.value.number(ratio > 1 ? ratio : 1 / ratio, 2);
  return t(ratio > 1 ? "ui.weigh.up" : "ui.weigh.down", { n });
}

export function WhoCase({ history }: { readonly history: History }) {
  return (
    <section class="card">
      <h2>{t("ui.who.title")}: {t(met(history.suspected_case))}</h2>
      <p class="small soft">{t("ui.who.note")}</p>
      <ul class="plain criteria">
        {history.criteria.map((one) => (
          <li key={one.key} class={one.met === true ? "met" : ""}>
            <span aria-hidden="true">{one.met === null ? "?" : one.met ? "✓" : "–"}</span>
            <span>{criterionName(words.value, one)}</span>
            <span class="is">{t(met(one.met))}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function met(known: Known): Key {
  return known === null ? "ui.who.unknown" : known ? "ui.who.met" : "ui.who.not_met";
}
