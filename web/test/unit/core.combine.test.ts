/** Several photos of one person, by hand. */

import { describe, expect, it } from "vitest";
import type { Spec } from "../../src/core/bundle";
import { combine, type Examined } from "../../src/core/combine";
import { conclude, type Shot } from "../../src/core/engine";
import { UNKNOWN, type Gate } from "../../src/core/schema";
import { reason } from "../../src/core/texts";

// Two labels, temperature 1 and no bias: the log-odds are the difference of the logits.
const SPEC = {
  name: "hand", version: "1", labels: ["mpox", "measles"], positive: "mpox", column: 0,
  calibration: { temperature: 1, bias: 0, bootstrap: [[1, 0], [1, 1]] },
  conformal: { alpha: 0.1, mpox_from: 0.4, other_to: 0.6 }, operating_point: 0.5, sha256: "",
} as unknown as Spec;
const GOOD: Gate = { usable: true, reasons: [], measures: { skin: 1 } };
const DARK: Gate = { usable: false, reasons: [reason("too_dark")], measures: { skin: 0 } };
const BLUR: Gate = { usable: false, reasons: [reason("too_dark"), reason("blurred")], measures: {} };

function shot(odds: number, gate = GOOD, ood = 1): Shot {
  const p = 1 / (1 + Math.exp(-odds));
  return {
    gate, strange: ood > 2 ? reason("unfamiliar") : null, file: `${odds}.jpg`, sha256: "", width: 1, height: 1,
    found: {
      logits: Float32Array.of(odds, 0), cam: Float32Array.of(odds, 0), embedding: new Float32Array(1),
      probabilities: { mpox: p, measles: 1 - p }, ood_score: ood,
    },
  };
}
const join = (...shots: Examined[]) => combine(SPEC, shots);

describe("combining", () => {
  it("averages log-odds, in the estimate and in each draw", () => {
    const found = join(shot(3), shot(1));
    expect(found.odds).toBeCloseTo(2, 12);
    expect(found.drawn).toEqual([2, 3]);
    expect(found.probabilities["mpox"]).toBeCloseTo(1 / (1 + Math.exp(-2)), 12);
    expect(found.doubt).toBeNull();
  });

  it("leaves out what is unusable or strange while something else is left", () => {
    expect(join(shot(3), shot(-8, DARK), shot(-8, GOOD, 9)).odds).toBe(3);
    expect(join(shot(3), shot(-8, GOOD, 9)).doubt).toBeNull();
    expect(join(shot(0), shot(8, DARK)).doubt).toBeNull(); // 0 fits both: "other" is not said
    expect(join(shot(3, GOOD, 1.5), shot(1), shot(1, GOOD, 9)).ood_score).toBe(1.5);
  });

  it("is strange only where all usable photos are", () => {
    const found = join(shot(3, GOOD, 4), shot(1, GOOD, 3), shot(0, DARK));
    expect(found.doubt?.code).toBe("unfamiliar");
    expect([found.odds, found.ood_score]).toEqual([2, 4]);
  });

  it("gives every reason once where no photo is usable", () => {
    const { gate } = join(shot(1, DARK), shot(1, BLUR));
    expect([gate.usable, ...gate.reasons.map((one) => one.code)]).toEqual([false, "too_dark", "blurred"]);
  });

  it("does not let healthy skin outvote a lesion", () => {
    const found = conclude(SPEC, [shot(2), shot(-4), shot(-4)], UNKNOWN, "0"); // mean -2: P = 0.12
    expect([found.decision, found.reasons[0]?.code]).toEqual(["cannot tell", "photos_disagree"]);
    expect(found.probability).toBeCloseTo(1 / (1 + Math.exp(2)), 12);
    expect(conclude(SPEC, [shot(0), shot(-4)], UNKNOWN, "0").decision).toBe("mpox unlikely");
    expect(conclude(SPEC, [shot(4), shot(-1)], UNKNOWN, "0").decision).toBe("mpox likely");
  });

  it.each([["is refused", DARK, 1], ["is strange", GOOD, 9]])("does not let healthy skin stand for a photo that %s", (_, gate, ood) => {
    const found = conclude(SPEC, [shot(-4), shot(4, gate, ood)], UNKNOWN, "0");
    expect([found.decision, found.reasons.map((one) => one.code)]).toEqual(["cannot tell", ["photo_left_out"]]);
    expect(found.next_step).toMatch(/^Take those that could not be judged again\. Show the rash to a clinician/);
    expect(found.probability).toBeCloseTo(1 / (1 + Math.exp(4)), 12);
    expect(conclude(SPEC, [shot(-4)], UNKNOWN, "0").decision).toBe("mpox unlikely");
    expect(conclude(SPEC, [shot(2), shot(-4), shot(-4), shot(4, gate, ood)], UNKNOWN, "0").reasons[0]?.code).toBe("photos_disagree");
  });

  it("names all photos, and says which counted", () => {
    const found = conclude(SPEC, [shot(4), shot(0, DARK)], UNKNOWN, "0");
    expect(found.file).toBe("4.jpg, 0.jpg");
    expect(found.photos.map((one) => one.counted)).toEqual([true, false]);
    expect(found.gate.usable).toBe(true);
  });
});
