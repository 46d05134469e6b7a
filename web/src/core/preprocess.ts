/** From a decoded photograph to the network's input, by a specification that travels in the bundle. */

import { BILINEAR, resize, type Raster } from "./pillow";
import { ClinicError, type Pixels } from "./schema";
import rules from "../tables/rules.json";

/** Squash the whole photograph to `size` x `size`, then standardise. Mirrors `mpoxlens.preprocess.Preprocess`. */
export interface Preprocess {
  readonly size: number; // px, both sides
  readonly mean: readonly [number, number, number]; // of RGB in 0..1
  readonly std: readonly [number, number, number];
}

/** Refuse a specification with a missing, unknown or impossible entry. */
export function checkedPreprocess(data: Readonly<Record<string, unknown>>): Preprocess {
  const { size, mean, std } = data;
  const known = Object.keys(data).sort().join() === "mean,size,std";
  const fits = Number.isInteger(size) && (size as number) >= 16 && (size as number) <= 4096;
  if (!known || !fits || !isTriple(mean) || !isTriple(std) || Math.min(...std) <= 0)
    throw new ClinicError("bundle.json: preprocess", "an entry is unknown or out of range", "load the page again");
  return { size: size as number, mean, std };
}

/** Turn pixels into the network's input [3, size, size]. */
export function preprocess(spec: Preprocess, pixels: Pixels): Float32Array {
  return normalise(spec, resized(spec, pixels).data);
}

/** Resize to [size, size, 3] as Pillow does. */
export function resized(spec: Preprocess, pixels: Pixels): Raster {
  return resize({ ...picture(pixels), stride: 4 }, spec.size, spec.size, BILINEAR, rules.preprocess.REDUCING_GAP);
}

/** Standardise [size, size, 3] to planes [3, size, size], in single precision as numpy does. */
export function normalise(spec: Preprocess, data: ArrayLike<number>): Float32Array {
  const area = spec.size * spec.size;
  const planes = new Float32Array(3 * area);
  for (let plane = 0; plane < 3; plane++) {
    const level = levels(spec.mean[plane as 0 | 1 | 2], spec.std[plane as 0 | 1 | 2]);
    for (let n = 0; n < area; n++) planes[plane * area + n] = level[data[3 * n + plane] as number] as number;
  }
  return planes;
}

function levels(mean: number, std: number): Float32Array {
  const [m, s] = [Math.fround(mean), Math.fround(std)];
  return Float32Array.from({ length: 256 }, (_, v) => Math.fround(Math.fround(Math.fround(v / 255) - m) / s));
}

/** `ImageData` gives its fields through getters, which a spread would drop. */
function picture(pixels: Pixels): Pixels {
  return { data: pixels.data, width: pixels.width, height: pixels.height };
}

function isTriple(value: unknown): value is [number, number, number] {
  return Array.isArray(value) && value.length === 3 && value.every((v) => Number.isFinite(v));
}
