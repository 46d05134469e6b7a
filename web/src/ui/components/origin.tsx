/** What else the photo could show, and what is needed to repeat the screening. */

import type { Screening } from "../../core/schema";
import { percent, t, text, words } from "../words";
import { status } from "../clinic";
import { made } from "../state";

export function Shows({ screening }: { readonly screening: Screening }) {
  const rows = Object.entries(screening.probabilities).sort(([, a], [, b]) => b - a);
  return (
    <section class="card">
      <h2>{t("ui.shows.title")}</h2>
      <dl class="shows">
        {rows.map(([label, probability]) => (
          <div key={label}>
            <dt>{text(`ui.shows.${label}`, label)}</dt>
            <dd>{percent(probability)}</dd>
            <dd class="wide" aria-hidden="true">
              <svg width="100%" height="6">
                <rect class="track" width="100%" height="6" rx="3" />
                <rect class={label === "mpox" ? "bar asked" : "bar"} width={`${100 * probability}%`} height="6" rx="3" />
              </svg>
            </dd>
          </div>
        ))}
      </dl>
      <p class="small soft">{t("ui.shows.note")}</p>
    </section>
  );
}

export function Origin({ screening }: { readonly screening: Screening }) {
  const { provenance } = screening;
  const now = status.value;
  return (
    <details class="card">
      <summary>{t("ui.origin.title")}</summary>
      {made.value && <p class="small">{t("takeaway.clinician.made", { when: words.value.date(made.value) })}</p>}
      <dl class="origin">
        <dt>{t("takeaway.clinician.model")}</dt>
        <dd>{provenance.bundle}{now.kind === "ready" && ` (${now.bundle.labels.join(", ")})`}</dd>
        <dt>{t("takeaway.clinician.model_sum")}</dt>
        <dd class="sum">{provenance.bundle_sha256}</dd>
        <dt>{t("takeaway.clinician.software")}</dt>
        <dd>mpoxlens {provenance.mpoxlens}, onnxruntime {provenance.onnxruntime}</dd>
        <dt>{t("takeaway.clinician.photo_sum")}</dt>
        <dd class="sum">{provenance.photo_sha256}</dd>
        <dt>{t("takeaway.clinician.line")}</dt>
        <dd>{percent(screening.operating_point)}</dd>
      </dl>
    </details>
  );
}
