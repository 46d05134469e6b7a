/**
 * Whole screenings by page and by Python of the same pixels, which tests/web/test_vectors.py writes.
 *
 * The network's int8 kernels differ between processors, so numbers may move within what the golden vectors allow;
 * what rests on pixels and answers alone may not.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { verified, type Files } from "../../src/core/bundle";
import { conclude, examine } from "../../src/core/engine";
import { parseHistory } from "../../src/core/history";
import { toJson, type ScreeningJson } from "../../src/core/jsonLines";
import type { PhotoInput, Pixels } from "../../src/core/schema";
import { openNetwork } from "../../src/worker/network";

const FOLDER = process.env["MPOXLENS_PARITY"] ?? "";

interface Case {
  readonly width: number;
  readonly height: number;
  readonly stored: Omit<PhotoInput, "pixels">;
  readonly answers: unknown;
  readonly expected: ScreeningJson;
}

it.skipIf(!FOLDER)("screens as Python does", { timeout: 600_000 }, async () => {
  const names = ["bundle.json", "golden.json", "model.onnx"] as const;
  const from = new URL("../../../src/mpoxlens/bundles/default/", import.meta.url);
  const files = Object.fromEntries(names.map((name) => [name, new Uint8Array(readFileSync(new URL(name, from)))]));
  const spec = await verified(files as unknown as Files);
  const network = await openNetwork((files as unknown as Files)["model.onnx"], spec.preprocess.size);
  const cases = JSON.parse(readFileSync(join(FOLDER, "cases.json"), "utf8")) as Case[];
  const [moved, strange, took]: [number[], number[], number[]] = [[], [], []];
  let [sameDecision, sameGate] = [0, 0];
  for (const [number, one] of cases.entries()) {
    const pixels = rgba(readFileSync(join(FOLDER, `${number}.rgb`)), one.width, one.height);
    const start = performance.now();
    const shot = await examine(spec, network, { ...one.stored, pixels });
    const found = toJson(conclude(spec, [shot], parseHistory(one.answers), network.version));
    took.push(performance.now() - start);
    moved.push(Math.abs(found.photo_probability - one.expected.photo_probability));
    strange.push(Math.abs(found.ood_score - one.expected.ood_score));
    sameDecision += Number(found.decision === one.expected.decision);
    sameGate += Number(sameMeasures(found.gate, one.expected.gate));
    expect(found.history).toEqual(one.expected.history);
    expect(found.file).toBe(one.expected.file);
  }
  const measured = {
    photos: cases.length, probability: Math.max(...moved), median: median(moved), strangeness: Math.max(...strange),
    same_decision: sameDecision, same_gate: sameGate, median_ms: median(took),
  };
  writeFileSync(join(FOLDER, "measured.json"), JSON.stringify(measured));
  expect(sameGate).toBe(cases.length);
});

function sameMeasures(found: ScreeningJson["gate"], expected: ScreeningJson["gate"]): boolean {
  const near = Object.entries(expected.measures).every(
    ([name, value]) => Math.abs((found.measures[name] ?? NaN) - value) <= 1.1e-4,
  );
  return near && JSON.stringify(found.reasons) === JSON.stringify(expected.reasons);
}

function rgba(rgb: Uint8Array, width: number, height: number): Pixels {
  const data = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let n = 0; n < width * height; n++) data.set(rgb.subarray(3 * n, 3 * n + 3), 4 * n);
  return { data, width, height };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}
