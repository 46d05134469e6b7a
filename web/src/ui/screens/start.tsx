/** What the page is, what it is not, and what becomes of photos and answers. */

import { useEffect } from "preact/hooks";
import { clinic, status } from "../clinic";
import { install, offline } from "../pwa";
import { go } from "../state";
import { percent, t } from "../words";

export function StartScreen() {
  useEffect(() => void clinic.ready().catch(() => undefined), []); // a failure is shown among the notices
  return (
    <>
      <h1 tabIndex={-1}>{t("ui.start.title")}</h1>
      <p class="lead">{t("ui.start.lead")}</p>
      <button type="button" class="main-button" onClick={() => go("photo")}>{t("ui.start.go")}</button>
      <section class="card">
        <h2>{t("ui.start.not.title")}</h2>
        <p>{t("ui.start.not")}</p>
      </section>
      <section class="card">
        <h2>{t("ui.start.privacy")}</h2>
        <ul class="plain ticks">
          <li>{t("ui.start.privacy.1")}</li>
          <li>{t("ui.start.privacy.2")}</li>
          <li>{t("ui.start.privacy.3")}</li>
        </ul>
      </section>
      <Readiness />
      <div class="onward">
        <button type="button" class="quiet" onClick={() => go("read")}>{t("takeaway.read.title")}</button>
      </div>
    </>
  );
}

function Readiness() {
  const model = status.value;
  return (
    <div class="readiness small" role="status">
      {model.kind === "loading" && <p>{t("ui.model.loading", { share: percent(model.share) })}</p>}
      {model.kind === "ready" && <p>{t("ui.model.ready")}</p>}
      {offline.value === "waiting" && <p>{t("ui.offline.waiting")}</p>}
      {offline.value === "ready" && <p>{t("ui.offline.ready")}</p>}
      {install.value !== null && (
        <button type="button" class="small-button" onClick={() => void install.value?.prompt()}>
          {t("ui.start.install")}
        </button>
      )}
    </div>
  );
}
