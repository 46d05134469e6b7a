/** The answer: what was decided, how sure that is, why, and what to do now. */

import { ClinicError, type Screening } from "../../core/schema";
import { Again } from "../components/again";
import { Clash } from "../components/clash";
import { LocalHelp } from "../../help/localHelp";
import { Heat } from "../components/heat";
import { Details } from "../components/notices";
import { Origin } from "../components/origin";
import { Shows } from "../components/shows";
import { Verdict } from "../components/verdict";
import { Weighed, WhoCase } from "../components/weighed";
import { weigh } from "../../core/history";
import { clash } from "../groups";
import { failure, found, go, judge, shots, told, working } from "../state";
import { t, words } from "../words";

export function ResultScreen() {
  return (
    <>
      <h1 tabIndex={-1}>{t("ui.result.title")}</h1>
      <div role="status">{working.value && <p class="working">{t("ui.result.working")}</p>}</div>
      {failure.value !== null && <Failed error={failure.value} />}
      {shots.value.length === 0 ? <NoPhoto /> : found.value !== null && <Found screening={found.value} />}
      <div class="onward">
        {found.value !== null && (
          <button type="button" class="main-button" onClick={() => go("take")}>{t("ui.result.take")}</button>
        )}
        <button type="button" onClick={() => go("photo")}>{t("ui.result.add_photo")}</button>
        <button type="button" onClick={() => go("questions")}>{t("ui.result.change")}</button>
        <Again />
      </div>
    </>
  );
}

function Found({ screening }: { readonly screening: Screening }) {
  return (
    <div class={working.value ? "fading" : ""}>
      <Verdict screening={screening} />
      <div class="card"><LocalHelp words={words.value} /></div>
      <Heat screening={screening} />
      <Weighed screening={screening} />
      <WhoCase history={screening.history} />
      <Shows screening={screening} />
      <Origin screening={screening} />
    </div>
  );
}

/** Without a photo nothing is judged; what the answers mean for WHO's definition can be said all the same. */
function NoPhoto() {
  return (
    <>
      <section class="card">
        <h2>{t("ui.result.no_photo")}</h2>
        <p>{t("ui.result.no_photo.text")}</p>
        <p>{t("decision.care")}</p>
      </section>
      <WhoCase history={weigh(told.value)} />
      <div class="card"><LocalHelp words={words.value} /></div>
    </>
  );
}

function Failed({ error }: { readonly error: unknown }) {
  const kind = error instanceof ClinicError ? error.kind : null;
  const clashing = clash(told.value);
  if (kind === "HistoryError" && clashing.length > 0) return <Clash fields={clashing} />;
  const key = kind === "BundleError" ? "ui.problem.model" : "ui.problem.unforeseen";
  return (
    <div class="notice problem" role="alert">
      <p>{t(key)}</p>
      <Details error={error} />
      <button type="button" class="small-button" onClick={() => void judge()}>{t("ui.problem.retry")}</button>
    </div>
  );
}
