/** A screening made by hand: the numbers are round, and the history is weighed by the real rules. */

import { weigh } from "../../src/core/history";
import { type ClinicalInfo, type Screening, UNKNOWN } from "../../src/core/schema";
import { reason } from "../../src/core/texts";
import type { CaseRecord } from "../../src/takeaway/record";

export const MADE = new Date("2026-11-22T16:45:00.123Z");
export const BUNDLE_SHA = "a1b2c3d4e5f60708".repeat(4);

export const INFO: ClinicalInfo = {
  ...UNKNOWN,
  age: 34,
  fever_celsius: 38.9,
  contact_21_days: true,
  anogenital_lesions: true,
  hiv: true,
};

export function screening(info: ClinicalInfo = INFO): Screening {
  return {
    file: "photo",
    decision: "mpox likely",
    probability: 0.8125,
    interval: { low: 0.7, high: 0.9 },
    photo_probability: 0.5,
    photo_interval: { low: 0.4, high: 0.6 },
    prediction_set: ["mpox"],
    operating_point: 0.25,
    reasons: [reason("photo_likely", { share: 50 }), reason("history_for"), reason("suspected_case")],
    next_step: "See a clinician.",
    gate: { usable: true, reasons: [], measures: { skin: 0.5 } },
    probabilities: { mpox: 0.5, chickenpox: 0.3, measles: 0.1, healthy: 0.1 },
    ood_score: 1.5,
    history: weigh(info),
    provenance: {
      bundle: "lite0 4",
      bundle_sha256: BUNDLE_SHA,
      mpoxlens: "0.1.0",
      onnxruntime: "1.30.0",
      photo_sha256: "0f".repeat(32),
    },
    photos: [],
    map_passed: true,
  };
}

export function record(info: ClinicalInfo = INFO, ...jpegs: readonly string[]): CaseRecord {
  return { screening: screening(info), info, made: MADE, photos: jpegs.map((jpeg, n) => ({ n: n + 1, jpeg })) };
}

/** The same, undecided. */
export function undecided(info: ClinicalInfo = INFO): CaseRecord {
  const whole = record(info);
  return { ...whole, screening: { ...whole.screening, decision: "cannot tell", reasons: [reason("both_fit")] } };
}
