/** Clears the photos and the answers, after asking once. */

import { useState } from "preact/hooks";
import { clear, go } from "../state";
import { t } from "../words";

export function Again() {
  const [asking, setAsking] = useState(false);
  if (!asking)
    return <button type="button" class="quiet" onClick={() => setAsking(true)}>{t("ui.again")}</button>;
  return (
    <div class="asking" role="group" aria-labelledby="again-ask">
      <p id="again-ask">{t("ui.again.ask")}</p>
      <button type="button" class="quiet" onClick={() => { clear(); go("start"); }}>{t("ui.again.yes")}</button>
      <button type="button" class="quiet" onClick={() => setAsking(false)}>{t("ui.again.no")}</button>
    </div>
  );
}
