/** The decision in words and in a bar, with what to do now and why. */

import type { Decision, Reason, Screening } from "../../core/schema";
import { nextStep, reasonStep, reasonText } from "../../i18n/say";
import type { Key } from "../../i18n";
import { DecisionWords } from "../../i18n/decisionWords";
import { status } from "../clinic";
import { percent, t, words } from "../words";
import { Bar } from "./bar";

export const KINDS: Readonly<Record<Decision, "likely" | "unlikely" | "cannot_tell">> = {
  "mpox likely": "likely",
  "mpox unlikely": "unlikely",
  "cannot tell": "cannot_tell",
};
const LEADS = {
  likely: "ui.result.lead.likely",
  unlikely: "ui.result.lead.unlikely",
  cannot_tell: "ui.result.lead.cannot_tell",
} as const satisfies Record<string, Key>;

export function Verdict({ screening }: { readonly screening: Screening }) {
  const kind = KINDS[screening.decision];
  const open = kind === "cannot_tell";
  return (
    <section class={`card verdict ${kind}`}>
      <h2><Shape kind={kind} /><span><DecisionWords words={words.value} decision={screening.decision} /></span></h2>
      <p class="lead">{t(LEADS[kind])}</p>
      <section class="next">
        <h3>{t("ui.result.next")}</h3>
        <p>{nextStep(words.value, screening)}</p>
      </section>
      <section>
        <h3>{t(open ? "ui.result.why_open" : "ui.result.why")}</h3>
        <ul class="plain reasons">
          {screening.reasons.map((reason, n) => <Why key={reason.key} reason={reason} said={open && n === 0} />)}
        </ul>
      </section>
      <Chance screening={screening} withheld={open} />
    </section>
  );
}

/** A reason; its step is left out where "what to do now" has said it. */
function Why({ reason, said }: { readonly reason: Reason; readonly said: boolean }) {
  const step = said ? "" : reasonStep(words.value, reason);
  return <li>{reasonText(words.value, reason)} {step && <span class="soft small">{step}</span>}</li>;
}

function Chance({ screening, withheld }: { readonly screening: Screening; readonly withheld: boolean }) {
  const { probability, interval } = screening;
  const zone = status.value.kind === "ready" ? status.value.bundle.undecided : null;
  const told = screening.history.answered > 0;
  return (
    <section class="chance">
      {withheld && <p class="small soft">{t("ui.result.withheld")}</p>}
      <p class="score"><strong>{percent(probability)}</strong> <span>{t("ui.result.chance")}</span></p>
      <p class="small soft">{t(told ? "ui.result.from_both" : "ui.result.from_photo")}</p>
      <Bar probability={probability} interval={interval} line={screening.operating_point} zone={zone} />
      <p>{t("ui.result.range", { low: percent(interval.low), high: percent(interval.high) })}</p>
      {!withheld && <p class="small">{t("ui.result.hundred", { n: hundred(probability) })}</p>}
    </section>
  );
}

/** A natural frequency; never none and never all. */
function hundred(probability: number): string {
  return words.value.number(Math.min(99, Math.max(1, Math.round(100 * probability))));
}

/** A filled, an open and a broken ring: the decision is never told by colour alone. */
function Shape({ kind }: { readonly kind: string }) {
  return (
    <svg width="34" height="34" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="3" aria-hidden="true">
      <circle
        cx="12" cy="12" r="9" fill={kind === "likely" ? "currentColor" : "none"}
        stroke-dasharray={kind === "cannot_tell" ? "5 4.42" : undefined}
      />
    </svg>
  );
}
