/** What the reader must know whatever the screen: an unreviewed translation, a waiting version, a model that is amiss. */

import { ClinicError } from "../../core/schema";
import { simdHere } from "../../core/simd";
import type { Key } from "../../i18n";
import { clinic, status } from "../clinic";
import { unsafe } from "../problems";
import { offline, takeUpdate, update } from "../pwa";
import { started } from "../state";
import { t, words } from "../words";

export function Notices() {
  return (
    <div class="notices no-print" role="status">
      {words.value.status !== null && <p class="notice small">{t("ui.draft")}</p>}
      {update.value !== null && <UpdateNotice />}
      {offline.value === "impossible" && <p class="notice">{t("ui.problem.storage")}</p>}
      {offline.value === "broken" && <p class="notice">{t("ui.problem.unsaved")}</p>}
      {offline.value === "unsafe" && <p class="notice problem">{t(unsafe().key, unsafe().values)}</p>}
      {status.value.kind === "failed" && offline.value !== "unsafe" && <ModelNotice error={status.value.error} />}
    </div>
  );
}

function UpdateNotice() {
  return (
    <p class="notice">
      {t("ui.update.ready")} {started.value && t("ui.update.clears")}{" "}
      <button type="button" class="small-button" onClick={takeUpdate}>{t("ui.update.load")}</button>
    </p>
  );
}

function ModelNotice({ error }: { readonly error: unknown }) {
  return (
    <div class="notice problem">
      <p>{t(modelProblem(error))}</p>
      <Details error={error} />
      <button type="button" class="small-button" onClick={() => void clinic.ready().catch(() => undefined)}>
        {t("ui.problem.retry")}
      </button>
    </div>
  );
}

/** The clinic's own words, in English, for whoever helps the reader. */
export function Details({ error }: { readonly error: unknown }) {
  return (
    <details class="small">
      <summary>{t("ui.problem.detail")}</summary>
      <p dir="ltr" lang="en">{error instanceof Error ? error.message : String(error)}</p>
    </details>
  );
}

export function modelProblem(error: unknown, able = simdHere): Key {
  if (!able()) return "ui.problem.wasm";
  const damaged = error instanceof ClinicError && /sha256|golden|damaged|format/.test(error.why);
  return damaged ? "ui.problem.damaged" : "ui.problem.model";
}
