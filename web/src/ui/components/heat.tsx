/** The photos with the heat map over them, whose strength the reader sets. */

import { useEffect, useRef, useState } from "preact/hooks";
import { overlay } from "../../core/heatmap";
import type { HeatMap, PhotoResult, Screening } from "../../core/schema";
import { reasonText } from "../../i18n/say";
import { shots } from "../state";
import { percent, t, text, words } from "../words";

const OVERLAY_SIDE = 224; // px; the map has some 7 x 7 cells, the browser smooths the rest

export function Heat({ screening }: { readonly screening: Screening }) {
  const [strength, setStrength] = useState(70);
  if (screening.map_passed === false) return <Failed />;
  return (
    <section class="card heat">
      <h2>{t("ui.heat.title")}</h2>
      {screening.photos.map((photo, n) => (
        <Photo key={n} photo={photo} n={n} strength={strength / 100} alone={screening.photos.length === 1} />
      ))}
      <div class="slider">
        <label for="strength">{t("ui.heat.slider")}</label>
        <input
          id="strength" type="range" min="0" max="100" step="5" value={strength} aria-valuetext={percent(strength / 100)}
          onInput={(event) => setStrength(Number(event.currentTarget.value))}
        />
      </div>
      <ul class="plain legend small">
        <li class="against">{t("ui.heat.against")}</li>
        <li class="neutral">{t("ui.heat.neutral")}</li>
        <li class="for">{t("ui.heat.for")}</li>
      </ul>
      <p class="small">{t("ui.heat.what")} {screening.map_passed === null && t("ui.heat.unchecked")}</p>
    </section>
  );
}

/** A map that does not follow what the network learned would mislead, so not even the strongest place is named. */
function Failed() {
  return (
    <section class="card heat">
      <h2>{t("ui.heat.title")}</h2>
      <p>{t("ui.heat.failed")}</p>
    </section>
  );
}

interface PhotoProps {
  readonly photo: PhotoResult;
  readonly n: number;
  readonly strength: number;
  readonly alone: boolean;
}

function Photo({ photo, n, strength, alone }: PhotoProps) {
  const shot = shots.value[n];
  if (shot === undefined) return null;
  const { width, height } = shot.photo.pixels;
  const reason = photo.gate.reasons[0] ?? photo.strange;
  return (
    <figure>
      <div class="layers" role="img" aria-label={t("ui.heat.alt", { n: n + 1, where: where(photo.heat) })}>
        <img src={shot.url} alt="" />
        <HeatLayer heat={photo.heat} shape={width / height} strength={strength} />
      </div>
      <figcaption class="small">
        {!alone && <strong>{t("ui.photo.nth", { n: n + 1 })}: {percent(photo.probability)}. </strong>}
        {photo.counted ? where(photo.heat) : <>{t("ui.heat.unused")} {reason && reasonText(words.value, reason)}</>}
      </figcaption>
    </figure>
  );
}

function HeatLayer({ heat, shape, strength }: { readonly heat: HeatMap; readonly shape: number; readonly strength: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (canvas.current === null) return;
    const side = (long: boolean, ratio: number) => Math.max(1, Math.round(long ? OVERLAY_SIDE : OVERLAY_SIDE * ratio));
    const { data, width, height } = overlay(heat, side(shape >= 1, shape), side(shape <= 1, 1 / shape));
    [canvas.current.width, canvas.current.height] = [width, height];
    canvas.current.getContext("2d")?.putImageData(new ImageData(new Uint8ClampedArray(data), width, height), 0, 0);
  }, [heat, shape]);
  return <canvas ref={canvas} style={{ opacity: strength }} />;
}

function where(heat: HeatMap): string {
  if (heat.strongest === "") return t("ui.heat.faint");
  const place = text(`ui.place.${heat.strongest.replace(" ", "_")}`, heat.strongest);
  return t("ui.heat.strongest", { place });
}
