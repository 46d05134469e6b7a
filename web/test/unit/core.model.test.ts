/** The shipped model in onnxruntime-web, at the desk that the worker sits at. */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { verified, type Files, type Spec } from "../../src/core/bundle";
import { difference } from "../../src/core/golden";
import { toJson } from "../../src/core/jsonLines";
import { check } from "../../src/core/gate";
import { UNKNOWN, type BundleInfo, type Gate, type Screening } from "../../src/core/schema";
import { Desk } from "../../src/worker/desk";
import type { Loaded } from "../../src/worker/load";
import { openNetwork } from "../../src/worker/network";
import { drawn } from "./core.drawn";

const read = (path: string) => new Uint8Array(readFileSync(new URL(path, import.meta.url)));
const bundled = (name: string) => read(`../../../src/mpoxlens/bundles/default/${name}`);
const SHIPPED = createHash("sha256").update(bundled("bundle.json")).digest("hex");
const WASM = "../../node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm";

function loaded(change: Partial<Files> = {}): Promise<Loaded> {
  const whole = {
    "bundle.json": bundled("bundle.json"), "golden.json": bundled("golden.json"), "model.onnx": bundled("model.onnx"),
  };
  return Promise.resolve({ files: { ...whole, ...change }, wasm: read(WASM) });
}

function edited(from: string, to: string): Uint8Array<ArrayBuffer> {
  const text = new TextDecoder().decode(bundled("bundle.json"));
  expect(text).toContain(from);
  return new TextEncoder().encode(text.replace(from, to));
}

describe("a damaged bundle", () => {
  const flipped = bundled("model.onnx").map((byte, n) => (n === 1000 ? byte ^ 1 : byte));
  const golden = new TextEncoder().encode('{"vectors": []}');
  it.each([
    ["a bit of the model", { "model.onnx": flipped }, "model.onnx: its sha256 is not the one in bundle.json"],
    ["the golden vectors", { "golden.json": golden }, "golden.json: its sha256 is not the one in bundle.json"],
    ["a number", { "bundle.json": edited('"alpha": 0.', '"alpha": 0.1') }, "its sha256 is not that of its content"],
    ["the format", { "bundle.json": edited('"format": 1', '"format": 2') }, "format 2 is unknown"],
    ["half of it", { "bundle.json": bundled("bundle.json").slice(0, 500) }, "bundle.json: damaged"],
  ])("is refused for %s, and nothing is screened", async (_, change, message) => {
    const desk = new Desk(() => loaded(change), SHIPPED);
    const opening = desk.answer({ kind: "ready", base: "" });
    await expect(opening).rejects.toMatchObject({ name: "ClinicError", kind: "BundleError" });
    await expect(opening).rejects.toThrow(message);
    const screening = desk.answer({ kind: "screen", shots: [drawn(["skin", 224, 224, 1])], info: UNKNOWN });
    await expect(screening).rejects.toThrow("the model: it is not loaded yet");
  });
});

describe("another bundle than the page's own", () => {
  it("is refused, whole as it is", async () => {
    const desk = new Desk(() => loaded(), "0f".repeat(32));
    const opening = desk.answer({ kind: "ready", base: "" });
    await expect(opening).rejects.toThrow(`bundle.json: sha256 ${SHIPPED.slice(0, 12)}…, and this page was built for 0f0f0f0f0f0f…`);
  });
});

describe("the shipped bundle", () => {
  let desk: Desk;
  let spec: Spec;

  beforeAll(async () => {
    desk = new Desk(() => loaded(), SHIPPED);
    await desk.answer({ kind: "ready", base: "" });
    spec = await verified((await loaded()).files);
  });

  it("tells what it is", async () => {
    const info = (await desk.answer({ kind: "ready", base: "" })) as BundleInfo;
    expect(info).toMatchObject({ name: spec.name, positive: "mpox", operating_point: spec.operating_point });
    const edges = [spec.conformal.mpox_from, spec.conformal.other_to, spec.operating_point];
    expect(info.undecided).toEqual({ low: Math.min(...edges), high: Math.max(...edges) });
    expect(info.onnxruntime).toMatch(/^web \d+\.\d+\.\d+$/);
  });

  it("prepares the golden drawings to the last level, and moves a probability by less than 0.005", async () => {
    const network = await openNetwork(bundled("model.onnx"), spec.preprocess.size);
    const golden = JSON.parse(new TextDecoder().decode(bundled("golden.json"))) as never;
    const apart = await difference(spec, network, golden);
    expect(apart.input).toBeLessThanOrEqual(1e-5); // five digits are kept; one level would be 0.0078
    expect(apart.probability).toBeLessThan(0.005);
    expect(apart.strangeness).toBeLessThan(0.005);
  });

  it("judges hints without the model", async () => {
    const blank = new Desk(() => Promise.reject(new Error("no network here")), SHIPPED);
    const gate = (await blank.answer({ kind: "quality", shot: drawn(["grey", 224, 224, 1]) })) as Gate;
    expect(gate.reasons.map((one) => one.code)).toEqual(["no_detail", "no_skin", "blurred"]);
  });

  it("lets the gate look at a photo once, and knows photos by their sha256 alone", async () => {
    const known = { pixels: drawn(["grey", 224, 224, 1]), sha256: "a1" };
    const gate = (await desk.answer({ kind: "quality", shot: known })) as Gate;
    const again = (await desk.answer({ kind: "screen", shots: [known], info: UNKNOWN })) as Screening;
    expect(again.photos[0]?.gate).toBe(gate);
    const other = { pixels: drawn(["skin", 300, 200, 1]), sha256: "b2" };
    const both = (await desk.answer({ kind: "screen", shots: [other, known], info: UNKNOWN })) as Screening;
    expect(both.photos.map((one) => one.gate.measures)).toEqual([check(other).measures, gate.measures]);
  });

  it("weighs other answers about the same photo", async () => {
    const shots = [drawn(["skin", 300, 200, 1])];
    const first = (await desk.answer({ kind: "screen", shots, info: UNKNOWN })) as Screening;
    const info = { ...UNKNOWN, contact_21_days: true, acute_rash: true };
    const second = (await desk.answer({ kind: "reweigh", info })) as Screening;
    expect(second.photo_probability).toBe(first.photo_probability);
    expect(second.history.likelihood_ratio).toBeCloseTo(Math.sqrt(4.02), 9); // weight one half
    const odds = (p: number) => p / (1 - p);
    expect(odds(second.probability) / odds(first.probability)).toBeCloseTo(Math.sqrt(4.02), 9);
    expect(toJson(second).history.suspected_case).toBe(true);
    expect(Object.values(second.probabilities).reduce((a, b) => a + b)).toBeCloseTo(1, 9);
    const heat = second.photos[0]?.heat;
    expect(heat?.evidence.length).toBe((heat?.width ?? 0) * (heat?.height ?? 0));
  });

  it("refuses answers that contradict each other, and goes on", async () => {
    const info = { ...UNKNOWN, fever: false, fever_celsius: 39.5 };
    const shots = [drawn(["skin", 224, 224, 1])];
    await expect(desk.answer({ kind: "screen", shots, info })).rejects.toThrow("fever is false, but fever_celsius is 39.5");
    await expect(desk.answer({ kind: "screen", shots: [], info: UNKNOWN })).rejects.toThrow("no photo");
    await expect(desk.answer({ kind: "screen", shots, info: UNKNOWN })).resolves.toMatchObject({ file: "photo" });
  });
});

it("is loaded again after a failure", async () => {
  let tries = 0;
  const desk = new Desk(() => (++tries === 1 ? Promise.reject(new TypeError("offline")) : loaded()), SHIPPED);
  await expect(desk.answer({ kind: "ready", base: "" })).rejects.toThrow("offline");
  await expect(desk.answer({ kind: "ready", base: "" })).resolves.toMatchObject({ positive: "mpox" });
  expect(tries).toBe(2);
});
