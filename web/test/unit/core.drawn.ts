/** The pictures of web/pictures.py, drawn from whole numbers alone. */

import vectors from "../vectors/pictures.json";
import type { Pixels } from "../../src/core/schema";

export type Drawing = readonly [kind: keyof typeof vectors.kinds, width: number, height: number, seed: number];

export function drawn([kind, width, height, seed]: Drawing): Pixels {
  const [base, waves, mask] = vectors.kinds[kind] as unknown as readonly [readonly number[], number, number];
  const data = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const wave = Math.floor((waves * Math.abs(((3 * x + 2 * y + 11 * seed) % 128) - 64)) / 64);
      for (let c = 0; c < 3; c++) {
        const place = y * width + x;
        data[4 * place + c] = (base[c] ?? 0) + wave + (noise(place * 3 + c + seed * 7919) & mask);
      }
    }
  return { data, width, height };
}

function noise(place: number): number {
  let value = place;
  for (let round = 0; round < 2; round++) value = Math.imul(value ^ (value >>> 16), 0x45d9f3b);
  return value ^ (value >>> 16);
}
