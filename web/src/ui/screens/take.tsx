/** What can be taken along, once there is a result. */

import { useEffect, useState } from "preact/hooks";
import type { Screening } from "../../core/schema";
import type { TakenPhoto } from "../../takeaway/record";
import { TakeAlong } from "../../takeaway/takeAlong";
import { encoded, type Shot } from "../shots";
import { found, go, made, shots, told, working } from "../state";
import { t, words } from "../words";

const PHOTO_SIDE = 768; // px of the longer side of a photo that is taken along, as in the Python report

export function TakeScreen() {
  if (working.value) return <p class="working" role="status">{t("ui.result.working")}</p>;
  return found.value === null || made.value === null ? <Nothing /> : <Taken screening={found.value} when={made.value} />;
}

function Taken({ screening, when }: { readonly screening: Screening; readonly when: Date }) {
  const photos = usePhotos(shots.value, screening);
  return (
    <>
      <TakeAlong record={{ screening, info: told.value, made: when, photos }} words={words.value} />
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

function usePhotos(taken: readonly Shot[], screening: Screening): readonly TakenPhoto[] {
  const [photos, setPhotos] = useState<readonly TakenPhoto[]>([]);
  useEffect(() => {
    let left = false;
    void written(taken, numbersOf(screening)).then((all) => left || setPhotos(all));
    return () => { left = true; };
  }, [taken, screening]);
  return photos;
}

/** The numbers, from 1, of the photos that counted; of all where none did, as the result then rests on them. */
export function numbersOf({ photos }: Pick<Screening, "photos">): readonly number[] {
  const counted = photos.flatMap((photo, n) => (photo.counted ? [n + 1] : []));
  return counted.length > 0 ? counted : photos.map((_, n) => n + 1);
}

/** One after the other: each needs a canvas of its own, and small phones have little memory. */
async function written(taken: readonly Shot[], numbers: readonly number[]): Promise<readonly TakenPhoto[]> {
  const all: TakenPhoto[] = [];
  for (const n of numbers) {
    const shot = taken[n - 1];
    if (shot) all.push({ n, jpeg: await base64(shot.photo.pixels as ImageData) });
  }
  return all;
}

async function base64(pixels: ImageData): Promise<string> {
  const bytes = new Uint8Array(await (await encoded(pixels, PHOTO_SIDE)).arrayBuffer());
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}
