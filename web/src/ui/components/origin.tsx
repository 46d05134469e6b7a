/** What is needed to repeat the screening. */

import type { Screening } from "../../core/schema";
import { percent, t, words } from "../words";
import { status } from "../clinic";
import { made } from "../state";

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
