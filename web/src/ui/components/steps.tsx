/** Where the person is among the four steps; each can be gone to at any time. */

import { go, screen, STEPS } from "../state";
import { t } from "../words";

export function Steps() {
  const now = STEPS.findIndex((step) => step === screen.value);
  return (
    <nav class="steps no-print" aria-label={t("ui.steps")}>
      <ol>
        {STEPS.map((step, n) => (
          <li key={step} class={n < now ? "past" : ""}>
            <button type="button" aria-current={n === now ? "step" : undefined} onClick={() => go(step)}>
              <span class="number" aria-hidden="true">{n + 1}</span>{t(`ui.step.${step}`)}
            </button>
          </li>
        ))}
      </ol>
    </nav>
  );
}
