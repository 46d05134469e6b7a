/** Decisions, histories and whole screenings are those of Python. */

import { describe, expect, it } from "vitest";
import decisions from "../vectors/decisions.json";
import histories from "../vectors/histories.json";
import screenings from "../vectors/screenings.json";
import together from "../vectors/together.json";
import type { Spec } from "../../src/core/bundle";
import { classified } from "../../src/core/classify";
import { decide } from "../../src/core/decide";
import { conclude, type Shot } from "../../src/core/engine";
import { strange } from "../../src/core/gate";
import { overlay } from "../../src/core/heatmap";
import { parseHistory, weigh } from "../../src/core/history";
import { toJson } from "../../src/core/jsonLines";
import { fromBase64, halfFloats } from "../../src/core/numbers";
import { checkedCalibration, unpackedOod } from "../../src/core/rules";
import { ClinicError, type Gate, type Known } from "../../src/core/schema";
import { reason, type ReasonKey } from "../../src/core/texts";

const SMALL = reason("too_small", { side: 60, least: 96 });

function gateOf(usable: boolean, reasons: number): Gate {
  return { usable, reasons: reasons ? [SMALL] : [], measures: { skin: 0.5 } };
}

describe("decisions", () => {
  it.each(decisions.cases)("$given", ({ given, expected, reasons }) => {
    const [usable, failed, odd, alone, both, ratio, suspected, contact, from, to, line] =
      given as [boolean, number, boolean, number, number, number, Known, Known, number, number, number];
    const numbers = {
      gate: gateOf(usable, failed), strange: odd ? reason("unfamiliar") : null, photo_probability: alone,
      probability: both, interval: { low: 0, high: 1 }, likelihood_ratio: ratio, suspected_case: suspected, contact,
    };
    const found = decide(numbers, { alpha: 0.1, mpox_from: from, other_to: to }, line);
    expect([found.decision, found.prediction_set, found.next_step]).toEqual(expected);
    const whole = reasons.some(Array.isArray);
    expect(found.reasons.map((r) => (whole ? [r.code, r.text, r.next_step] : r.code))).toEqual(reasons);
  });
});

describe("histories", () => {
  it.each(histories.cases)("$answers", ({ answers, expected, refused }) => {
    if (!expected) {
      const error = refusal(answers);
      expect([error?.what.replace("history: ", ""), error?.why, error?.kind]).toEqual([...refused, "HistoryError"]);
      return;
    }
    const found = weigh(parseHistory(answers));
    const [met, criteria, evidence, ratio, answered] = expected as [Known, Known[], [string, boolean, number][], number, number];
    expect([found.suspected_case, found.criteria.map((c) => c.met), found.answered]).toEqual([met, criteria, answered]);
    expect(found.likelihood_ratio).toBeCloseTo(ratio, 8);
    expect(found.evidence.map((e) => [e.finding, e.answer])).toEqual(evidence.map((e) => e.slice(0, 2)));
    found.evidence.forEach((e, n) => expect(e.likelihood_ratio).toBeCloseTo(evidence[n]?.[2] ?? NaN, 8));
  });

  it.each(histories.refused)("are refused: $answers", ({ answers, why }) => {
    const error = refusal(answers);
    expect(error?.kind).toBe("HistoryError");
    if (answers !== null && typeof answers === "object" && !Array.isArray(answers)) expect(error?.why).toBe(why);
  });
});

function refusal(answers: unknown): ClinicError | null {
  try {
    parseHistory(answers);
    return null;
  } catch (error) {
    if (error instanceof ClinicError) return error;
    throw error;
  }
}

function specOf(raw: typeof screenings.spec): Spec {
  const calibration = checkedCalibration(raw.calibration as never);
  return { ...raw, column: 1, ood: unpackedOod(raw.ood), calibration, sha256: "" } as unknown as Spec;
}

interface Stored { readonly logits: string; readonly cam: string; readonly embedding: string }

function shotOf(spec: Spec, file: string, gate: Gate, side: number, stored: Stored): Shot {
  const { logits, cam, embedding } = stored;
  const [l, c, e] = [logits, cam, embedding].map((text) => halfFloats(fromBase64(text)));
  if (!l || !c || !e) throw new TypeError("a vector without numbers");
  const found = classified(spec, { logits: l, cam: c, embedding: e });
  const odd = strange(found.ood_score, spec.ood.threshold);
  return { file, sha256: "", gate, strange: odd, found, width: side, height: side };
}

describe("screenings", () => {
  const spec = specOf(screenings.spec);

  it.each(screenings.cases)("$answers $logits", (one) => {
    const shot = shotOf(spec, "photo", gateOf(one.usable, one.usable ? 0 : 1), 7, one);
    const screening = conclude(spec, [shot], parseHistory(one.answers), "0");
    same(toJson(screening), one.expected, "");
    const heat = screening.photos[0]?.heat;
    expect(heat?.strongest).toBe(one.strongest);
    if (one.overlay && heat) same(Array.from(overlay(heat, 13, 17).data), Array.from(fromBase64(one.overlay)), "overlay");
  });
});

describe("photos of one person together", () => {
  const spec = specOf(together.spec);

  it.each(together.cases.map((one, n) => ({ n, ...one })))("are judged as Python does: case $n", (one) => {
    const shots = one.shots.map((stored, n) => {
      const reasons = stored.reasons.map((key) => reason(key as ReasonKey, { side: 60, least: 96 }));
      return shotOf(spec, `${n}.jpg`, { usable: stored.usable, reasons, measures: { skin: n / 8 } }, 1, stored);
    });
    same(toJson(conclude(spec, shots, parseHistory(one.answers), "0")), one.expected, "");
  });
});

/** What is expected holds in what was found: numbers within a millionth and a half, all else alike. */
function same(found: unknown, expected: unknown, where: string): void {
  if (typeof expected === "number") {
    expect(Math.abs((found as number) - expected), where).toBeLessThanOrEqual(1.5e-6);
  } else if (expected !== null && typeof expected === "object") {
    const inner = found as Record<string, unknown>;
    for (const [key, value] of Object.entries(expected)) same(inner[key], value, `${where}.${key}`);
    if (Array.isArray(expected)) expect((found as unknown[]).length, where).toBe(expected.length);
  } else expect(found, where).toBe(expected);
}
