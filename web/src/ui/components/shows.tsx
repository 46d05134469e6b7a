/** What else the photo could show. */

import type { Screening } from "../../core/schema";
import { percent, t, text } from "../words";

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
