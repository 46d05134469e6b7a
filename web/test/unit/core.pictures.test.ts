/** Resizing and the gate give what Python gives for the same drawn pictures. */

import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import vectors from "../vectors/pictures.json";
import { check } from "../../src/core/gate";
import { BILINEAR, BOX, luma, reduce, resize, thumbnail, type Raster } from "../../src/core/pillow";
import { normalise, preprocess, resized } from "../../src/core/preprocess";
import { drawn, type Drawing } from "./core.drawn";

const HALVES = [0.5, 0.5, 0.5] as const;

function grey(width: number, height: number, levels: readonly number[]): Raster {
  return { data: Uint8Array.from(levels.flatMap((v) => [v, v, v])), width, height, stride: 3 };
}

describe("resizing", () => {
  it.each(vectors.resizes)("gives Python's pixels for $picture to $size", ({ picture, size, sha256, some }) => {
    const { data } = resized({ size, mean: HALVES, std: HALVES }, drawn(picture as unknown as Drawing));
    expect(Array.from(data.filter((_, n) => n % 97 === 0).subarray(0, 64))).toEqual(some);
    expect(createHash("sha256").update(data).digest("hex")).toBe(sha256);
  });

  it("averages whole blocks, and what is left at the edge by itself", () => {
    const small = reduce(grey(3, 2, [10, 20, 99, 30, 41, 98]), 2, 2);
    expect([small.width, small.height]).toEqual([2, 1]);
    expect(Array.from(small.data)).toEqual([25, 25, 25, 99, 99, 99]); // 101 / 4 = 25.25; 197 / 2 = 98.5, up
  });

  it("weighs neighbours by a triangle that grows with the scale", () => {
    const { data } = resize(grey(4, 1, [0, 0, 80, 80]), 2, 1, BILINEAR, 4);
    // Centres 1 and 3 of 4, support 2: weights 1/4, 3/4, 3/4, 1/4 over three and a half pixels, cut at the edge.
    expect(Array.from(data.filter((_, n) => n % 3 === 0))).toEqual([11, 69]); // 80 / 7 and 80 * 6 / 7
  });

  it("keeps the shape of a thumbnail, and leaves a small picture alone", () => {
    const wide = thumbnail(grey(4, 2, [0, 0, 8, 8, 0, 0, 8, 8]), 2, BOX);
    expect([wide.width, wide.height, ...wide.data]).toEqual([2, 1, 0, 0, 0, 8, 8, 8]);
    expect(thumbnail(grey(1, 2, [3, 4]), 2, BOX).height).toBe(2);
  });

  it("takes grey levels by ITU-R BT.601", () => {
    const image: Raster = { data: Uint8Array.of(255, 0, 0, 0, 255, 0, 0, 0, 255), width: 3, height: 1, stride: 3 };
    expect(Array.from(luma(image))).toEqual([76, 150, 29]);
  });
});

describe("standardising", () => {
  it("gives planes by hand", () => {
    const spec = { size: 16, mean: [0.5, 0.25, 0] as const, std: [0.5, 0.25, 1] as const };
    const data = new Uint8Array(16 * 16 * 3);
    data.set([255, 51, 102], 3);
    const out = normalise(spec, data);
    expect([out[0], out[256], out[512]]).toEqual([-1, -1, 0]);
    expect(out[1]).toBeCloseTo(1, 6);
    expect(out[257]).toBeCloseTo(-0.2, 6); // (51/255 - .25) / .25
    expect(out[513]).toBeCloseTo(0.4, 6);
  });

  it("passes over the alpha of the page's pixels", () => {
    const pixels = { data: new Uint8ClampedArray(16 * 16 * 4).fill(255), width: 16, height: 16 };
    expect(new Set(preprocess({ size: 16, mean: HALVES, std: HALVES }, pixels))).toEqual(new Set([1]));
  });
});

describe("the gate", () => {
  it.each(vectors.gates)("measures $picture as Python does", ({ picture, measures, reasons }) => {
    const found = check({ pixels: drawn(picture as unknown as Drawing) });
    expect(found.reasons.map(({ code, text, next_step }) => [code, text, next_step])).toEqual(reasons);
    expect(found.usable).toBe(reasons.length === 0);
    for (const [name, value] of Object.entries(measures))
      expect(Math.abs((found.measures[name] ?? NaN) - value), name).toBeLessThanOrEqual(1.1e-4);
  });

  it("refuses a drawing, and a thumbnail by the size that was stored", () => {
    const pixels = drawn(["skin", 224, 224, 1]);
    expect(check({ pixels, drawn: true }).reasons.map((r) => r.code)).toEqual(["drawing"]);
    const [small] = check({ pixels, width: 60, height: 95 }).reasons;
    expect(small?.text).toBe("The photo is too small: 60 pixels, at least 96 are needed.");
    expect(small?.values).toEqual({ side: 60, least: 96 });
  });
});
