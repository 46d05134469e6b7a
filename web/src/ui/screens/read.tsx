/** Reads the code of a result that someone shows. */

import { ReadCode } from "../../takeaway/readCode";
import { status } from "../clinic";
import { go } from "../state";
import { t, words } from "../words";

export function ReadScreen() {
  const now = status.value;
  return (
    <>
      <ReadCode words={words.value} bundleSha256={now.kind === "ready" ? now.bundle.sha256 : null} />
      <div class="onward">
        <button type="button" class="quiet" onClick={() => go("start")}>{t("ui.back")}</button>
      </div>
    </>
  );
}
