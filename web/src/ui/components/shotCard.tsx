/** One photo: what it shows, whether it can be judged, and a way to remove it. */

import { reasonStep, reasonText } from "../../i18n/say";
import { drop, type Shot } from "../shots";
import { shots } from "../state";
import { t, words } from "../words";

export function ShotCard({ shot, n }: { readonly shot: Shot; readonly n: number }) {
  return (
    <li class="shot">
      <img src={shot.url} alt={t("ui.photo.nth", { n })} />
      <div>
        <Verdict shot={shot} />
        {shot.face && <p class="warning">{t("ui.photo.face_found")}</p>}
        <button type="button" class="small-button" onClick={() => remove(shot)}>{t("ui.photo.remove", { n })}</button>
      </div>
    </li>
  );
}

function Verdict({ shot }: { readonly shot: Shot }) {
  if (shot.gate?.usable) return <p class="good">{t("ui.photo.ok")}</p>;
  return (
    <>
      {shot.gate?.reasons.map((reason) => (
        <p key={reason.key} class="warning">
          {reasonText(words.value, reason)} <span class="soft">{reasonStep(words.value, reason)}</span>
        </p>
      ))}
    </>
  );
}

function remove(shot: Shot): void {
  shots.value = shots.value.filter((one) => one !== shot);
  drop(shot);
}
