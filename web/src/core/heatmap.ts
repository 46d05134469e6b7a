/** Where the evidence lies: the signed class activation map as a picture and in words. Mirrors `screening/heatmap.py`. */

import { at, round } from "./numbers";
import { BILINEAR, weightsOf } from "./pillow";
import type { HeatMap, Pixels } from "./schema";
import rules from "../tables/rules.json";

const H = rules.heatmap;
const ROWS = ["upper", "middle", "lower"] as const;
const COLUMNS = ["left", "centre", "right"] as const;

/** How much each place speaks for the positive class over the mean of the others, from cam [C, height, width]. */
export function heatMap(cam: Float32Array, classes: number, positive: number, width: number, height: number): HeatMap {
  const area = width * height;
  const evidence = new Float32Array(area);
  for (let n = 0; n < area; n++) {
    let others = 0;
    for (let c = 0; c < classes; c++) if (c !== positive) others += at(cam, c * area + n);
    evidence[n] = at(cam, positive * area + n) - others / (classes - 1);
  }
  return { evidence, width, height, strongest: strongest(evidence, width, height) };
}

/**
 * The evidence as opaque or clear colour [height, width, 4], to be laid over the photograph.
 *
 * The hue is the sign; the opacity is full at SATURATION whatever the photograph, so a weak map looks weak.
 */
export function overlay(map: HeatMap, width: number, height: number): Pixels {
  const smooth = enlarged(map, width, height);
  const data = new Uint8ClampedArray(width * height * 4);
  smooth.forEach((value, n) => {
    data.set(value > 0 ? H.FOR : H.AGAINST, 4 * n);
    data[4 * n + 3] = round(255 * H.MAX_ALPHA * Math.min(Math.abs(value) / H.SATURATION, 1));
  });
  return { data, width, height };
}

/** Where the strongest evidence for the positive class lies, such as "upper left"; "" when all is faint. */
function strongest(evidence: Float32Array, width: number, height: number): string {
  const top = evidence.reduce((best, value, n) => (value > at(evidence, best) ? n : best), 0);
  if (at(evidence, top) < H.FAINT * H.SATURATION) return "";
  const place = `${at(ROWS, third(Math.floor(top / width), height))} ${at(COLUMNS, third(top % width, width))}`;
  return place === "middle centre" ? "centre" : place;
}

function third(index: number, count: number): number {
  return Math.trunc((3 * (index + 0.5)) / count);
}

/** Pillow's bilinear resize of a float image: rows, then columns, kept in single precision between them. */
function enlarged(map: HeatMap, width: number, height: number): Float32Array {
  const wide = new Float32Array(width * map.height);
  const whole = new Float32Array(width * height);
  let x = 0;
  for (const [start, weights] of weightsOf(map.width, map.width, width, BILINEAR)) {
    for (let y = 0; y < map.height; y++)
      wide[y * width + x] = weighted(map.evidence, y * map.width + start, 1, weights);
    x++;
  }
  let y = 0;
  for (const [start, weights] of weightsOf(map.height, map.height, height, BILINEAR)) {
    for (let n = 0; n < width; n++) whole[y * width + n] = weighted(wide, start * width + n, width, weights);
    y++;
  }
  return whole;
}

function weighted(values: Float32Array, from: number, step: number, weights: readonly number[]): number {
  return weights.reduce((total, weight, k) => total + weight * at(values, from + k * step), 0);
}
