/** The gate: may this photograph be judged at all? Mirrors `screening/gate.py`, with its thresholds. */

import { round } from "./numbers";
import { BOX, luma, reduce, thumbnail, type Raster } from "./pillow";
import type { Gate, PhotoInput, Pixels, Reason } from "./schema";
import { reason } from "./texts";
import rules from "../tables/rules.json";

const G = rules.gate;
const [RED_LOW, RED_HIGH] = [Math.fround(G.RED_SHARE[0] ?? 0), Math.fround(G.RED_SHARE[1] ?? 1)];
const GREEN_HIGH = Math.fround(G.MAX_GREEN_SHARE);
const RED_OVER_GREEN = Math.fround(G.MIN_RED_OVER_GREEN);
const GREEN_TO_BLUE = Math.fround(G.MIN_GREEN_TO_BLUE);
const RED_TO_BLUE = Math.fround(G.MAX_RED_TO_BLUE);

export type Measures = Readonly<Record<"skin" | "sharpness" | "darkest" | "brightest" | "blown_out", number>>;

/** Measure a photograph and say whether it can be judged; every failed rule gives its reason. */
export function check(photo: PhotoInput): Gate {
  const { width = photo.pixels.width, height = photo.pixels.height } = photo;
  const measures = { ...measure(photo.pixels), shorter_side: Math.min(width, height) };
  const reasons = [...(photo.drawn ? [reason("drawing")] : []), ...failures(measures)];
  const rounded = Object.fromEntries(Object.entries(measures).map(([name, value]) => [name, round(value, 4)]));
  return { usable: reasons.length === 0, reasons, measures: rounded };
}

/** A reason when the embedding lies outside what the model was trained on. */
export function strange(score: number, threshold: number): Reason | null {
  return score <= threshold ? null : reason("unfamiliar"); // a score that is no number is strange too
}

/** Skin share, sharpness, and three measures of exposure. */
export function measure(pixels: Pixels): Measures {
  const image = smallCopy(pixels);
  const grey = luma(image);
  const skin = skinMask(image);
  const below = shareBelow(grey);
  return {
    skin: skin.reduce((a, b) => a + b, 0) / skin.length,
    sharpness: sharpness(grey, skin, image.width, image.height),
    darkest: below.findIndex((share) => share >= 0.05),
    brightest: below.findIndex((share) => share >= 0.95),
    blown_out: 1 - (below[G.BLOWN_OUT] ?? 1),
  };
}

/** A copy of at most COPY_SIDE; of large photographs by whole steps. */
function smallCopy(pixels: Pixels): Raster {
  const image: Raster = { data: pixels.data, width: pixels.width, height: pixels.height, stride: 4 };
  const steps = Math.ceil(Math.max(image.width, image.height) / G.COPY_SIDE);
  return steps >= 4 ? reduce(image, steps, steps) : thumbnail(image, G.COPY_SIDE, BOX);
}

/** Where the colours may be skin of any tone: 1, else 0. In single precision, as numpy compares them. */
export function skinMask(image: Raster): Uint8Array {
  const mask = new Uint8Array(image.width * image.height);
  for (let n = 0, p = 0; n < mask.length; n++, p += image.stride) {
    const [red, green, blue] = [image.data[p] as number, image.data[p + 1] as number, image.data[p + 2] as number];
    mask[n] = isSkin(red, green, blue) ? 1 : 0;
  }
  return mask;
}

function isSkin(red: number, green: number, blue: number): boolean {
  const total = red + green + blue;
  return (
    total > G.MIN_SUM &&
    red > Math.fround(RED_LOW * total) &&
    red < Math.fround(RED_HIGH * total) &&
    green < Math.fround(GREEN_HIGH * total) &&
    red - green > Math.fround(RED_OVER_GREEN * total) &&
    green >= Math.fround(GREEN_TO_BLUE * blue) &&
    red < Math.fround(RED_TO_BLUE * blue)
  );
}

/** The share of pixels at or below each of the 256 levels. */
function shareBelow(grey: Uint8Array): number[] {
  const counts = new Array<number>(256).fill(0);
  for (const level of grey) counts[level] = (counts[level] ?? 0) + 1;
  let seen = 0;
  return counts.map((count) => (seen += count) / grey.length);
}

/** The deviation of the Laplacian in the sharpest tile that shows skin: it is the skin that must be sharp. */
function sharpness(grey: Uint8Array, skin: Uint8Array, width: number, height: number): number {
  const [inner, rows] = [width - 2, height - 2];
  if (inner < 1 || rows < 1) return 0; // nothing to see in a copy so thin
  const [tileWidth, tileHeight] = [Math.min(G.TILE, inner), Math.min(G.TILE, rows)];
  let [sharpest, sharpestSkin] = [0, -1];
  for (let y = 0; y + tileHeight <= rows; y += tileHeight)
    for (let x = 0; x + tileWidth <= inner; x += tileWidth) {
      const tile = tileOf(grey, skin, width, x + 1, y + 1, tileWidth, tileHeight);
      sharpest = Math.max(sharpest, tile.deviation);
      if (tile.skin >= 0.5) sharpestSkin = Math.max(sharpestSkin, tile.deviation);
    }
  return sharpestSkin >= 0 ? sharpestSkin : sharpest;
}

function tileOf(
  grey: Uint8Array, skin: Uint8Array, width: number, left: number, top: number, columns: number, rows: number,
): { deviation: number; skin: number } {
  let [total, squares, shown] = [0, 0, 0]; // whole numbers, so exact
  for (let y = top; y < top + rows; y++)
    for (let x = left, n = y * width + left; x < left + columns; x++, n++) {
      const around =
        (grey[n - 1] as number) + (grey[n + 1] as number) + (grey[n - width] as number) + (grey[n + width] as number);
      const laplacian = 4 * (grey[n] as number) - around;
      total += laplacian;
      squares += laplacian * laplacian;
      shown += skin[n] as number;
    }
  const count = columns * rows;
  return { deviation: Math.sqrt(Math.max(0, squares / count - (total / count) ** 2)), skin: shown / count };
}

function* failures(measures: Measures & { readonly shorter_side: number }): Generator<Reason> {
  if (measures.shorter_side < G.MIN_STORED_SIDE)
    yield reason("too_small", { side: round(measures.shorter_side), least: G.MIN_STORED_SIDE });
  yield* exposure(measures);
  if (measures.skin < G.MIN_SKIN) yield reason("no_skin");
  if (measures.sharpness < G.MIN_SHARPNESS) yield reason("blurred");
}

function* exposure(measures: Measures): Generator<Reason> {
  if (measures.brightest < G.MIN_BRIGHTEST) yield reason("too_dark");
  else if (measures.darkest > G.MAX_DARKEST || measures.blown_out > G.MAX_BLOWN_OUT) yield reason("too_bright");
  if (measures.brightest - measures.darkest < G.MIN_CONTRAST) yield reason("no_detail");
}
