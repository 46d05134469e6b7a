/** What can be taken along, once there is a result. */

import { useEffect, useState } from "preact/hooks";
import type { Screening } from "../../core/schema";
import { TakeAlong } from "../../takeaway/takeAlong";
import { encoded } from "../shots";
import { found, go, info, made, shots, working } from "../state";
import { t, words } from "../words";

const PHOTO_SIDE = 768; // px of the longer side of a photo that is taken along, as in the Python report

export function TakeScreen() {
  if (working.value) return <p class="working" role="status">{t("ui.result.working")}</p>;
  return found.value === null || made.value === null ? <Nothing /> : <Taken screening={found.value} when={made.value} />;
}

function Taken({ screening, when }: { readonly screening: Screening; readonly when: Date }) {
  const photo = useFirstPhoto();
  return (
    <>
      <TakeAlong record={{ screening, info: info.value, made: when, photo }} words={words.value} />
      <div class="onward no-print">
        <button type="button" class="quiet" onClick={() => go("result")}>{t("ui.back")}</button>
      </div>
    </>
  );
}

function Nothing() {
  return (
    <>
      <h1 tabIndex={-1}>{t("takeaway.title")}</h1>
      <p>{t("ui.result.no_photo.text")}</p>
      <div class="onward">
        <button type="button" class="main-button" onClick={() => go("photo")}>{t("ui.result.add_photo")}</button>
      </div>
    </>
  );
}

function useFirstPhoto(): string | null {
  const [photo, setPhoto] = useState<string | null>(null);
  const first = shots.value[0];
  useEffect(() => {
    if (first !== undefined) void base64(first.photo.pixels as ImageData).then(setPhoto);
  }, [first]);
  return photo;
}

async function base64(pixels: ImageData): Promise<string> {
  const bytes = new Uint8Array(await (await encoded(pixels, PHOTO_SIDE)).arrayBuffer());
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}
