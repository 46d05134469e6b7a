/** The nouns: what passes from one step to the next. Mirrors `src/mpoxlens/schema.py`; data fields keep its names. */

export const INTENDED_USE = "Research use only. Not a diagnosis, not a medical device.";

export type Decision = "mpox likely" | "mpox unlikely" | "cannot tell";
export type Member = "mpox" | "other"; // of a prediction set
export type Known = boolean | null; // null: unknown, never "no"
export type Values = Readonly<Record<string, string | number>>; // what fills the placeholders of a text

/** Upright, opaque RGBA pixels; `ImageData` is one. */
export interface Pixels {
  readonly data: Uint8ClampedArray | Uint8Array; // [H, W, 4]
  readonly width: number; // px
  readonly height: number;
}

/** A decoded photograph. Only `pixels` is needed; the rest is what a file tells and a camera does not. */
export interface PhotoInput {
  readonly pixels: Pixels; // reduced as `decodedSize` in photo.ts says
  readonly name?: string; // shown and exported; "photo" where absent
  readonly sha256?: string; // of the file's bytes
  readonly width?: number; // as stored and turned upright, before any reduction
  readonly height?: number;
  readonly drawn?: boolean; // the file says of itself that it is one of our phantoms; see `isDrawn` in photo.ts
}

/** What the person says about themselves. */
export interface ClinicalInfo {
  readonly age: number | null; // years
  readonly days_since_onset: number | null; // days since the first symptom
  readonly fever_celsius: number | null; // highest measured temperature, degrees Celsius
  readonly lesion_count: number | null;
  readonly contact_21_days: Known; // with a probable or confirmed case, within 21 days
  readonly intimate_contact_21_days: Known;
  readonly acute_rash: Known;
  readonly fever: Known;
  readonly fever_before_rash: Known;
  readonly headache: Known;
  readonly myalgia: Known;
  readonly back_pain: Known;
  readonly fatigue: Known;
  readonly lymphadenopathy: Known;
  readonly inguinal_nodes: Known;
  readonly mucosal_lesions: Known;
  readonly anogenital_lesions: Known;
  readonly proctitis: Known;
  readonly palms_and_soles: Known;
  readonly monomorphic: Known;
  readonly crops_of_lesions: Known;
  readonly pustules: Known;
  readonly itch: Known;
  readonly sex_with_men: Known; // sensitive, never required
  readonly hiv: Known; // sensitive, never required
}
export type Field = keyof ClinicalInfo;

/** Why something was decided. `key` and `values` find the translated text; they are not exported. */
export interface Reason {
  readonly code: string; // for machines, as in Python
  readonly text: string; // English, as in Python
  readonly next_step: string;
  readonly key: string; // `code`, or code and variant where one code has several texts
  readonly values: Values;
}

export interface Gate {
  readonly usable: boolean;
  readonly reasons: readonly Reason[];
  readonly measures: Readonly<Record<string, number>>;
}

/** All that one forward pass gives. */
export interface Classification {
  readonly probabilities: Readonly<Record<string, number>>; // calibrated, sums to 1
  readonly logits: Float32Array; // [C]
  readonly cam: Float32Array; // [C, h, w]; mean over h, w equals the logit
  readonly embedding: Float32Array; // [D]
  readonly ood_score: number; // larger is stranger
}

export interface Interval {
  readonly low: number;
  readonly high: number;
}

export interface Criterion {
  readonly name: string; // English
  readonly met: Known;
  readonly key: string; // finds the translated name; not exported
}

/** What one answer does to the odds of mpox. */
export interface Evidence {
  readonly finding: string; // English
  readonly answer: boolean;
  readonly likelihood_ratio: number; // after weakening and capping, as applied
  readonly source: string;
  readonly key: string; // the fields of the finding joined by "+"; not exported
}

export interface History {
  readonly suspected_case: Known;
  readonly criteria: readonly Criterion[];
  readonly evidence: readonly Evidence[];
  readonly likelihood_ratio: number;
  readonly answered: number;
}

export interface Provenance {
  readonly bundle: string;
  readonly bundle_sha256: string;
  readonly mpoxlens: string;
  readonly onnxruntime: string;
  readonly photo_sha256: string; // of several photos: joined by a space
}

/** Where the evidence lies, of one photo: logit units, positive speaks for mpox. */
export interface HeatMap {
  readonly evidence: Float32Array; // [height, width]
  readonly width: number;
  readonly height: number;
  readonly strongest: string; // such as "upper left"; "" when all is faint
}

/** What one of several photos of a person gave by itself. */
export interface PhotoResult {
  readonly file: string;
  readonly gate: Gate;
  readonly strange: Reason | null;
  readonly counted: boolean; // usable and familiar, so it took part in the decision
  readonly probability: number; // of mpox, this photo alone
  readonly ood_score: number;
  readonly heat: HeatMap;
}

/** The answer to "could this be mpox, and how sure may we be?". `toJson` in jsonLines.ts gives the published form. */
export interface Screening {
  readonly file: string;
  readonly decision: Decision;
  readonly probability: number; // of mpox, photos and history together
  readonly interval: Interval;
  readonly photo_probability: number; // of mpox, photos alone
  readonly photo_interval: Interval;
  readonly prediction_set: readonly Member[];
  readonly operating_point: number;
  readonly reasons: readonly Reason[];
  readonly next_step: string;
  readonly gate: Gate;
  readonly probabilities: Readonly<Record<string, number>>; // photos alone
  readonly ood_score: number;
  readonly history: History;
  readonly provenance: Provenance;
  readonly photos: readonly PhotoResult[]; // in the order they came; not exported
  readonly map_passed: Known; // the heat map's sanity check; null: never made; not exported
}

/** What the page may say about the bundle before anything is screened. */
export interface BundleInfo {
  readonly name: string;
  readonly version: string;
  readonly sha256: string; // of bundle.json
  readonly labels: readonly string[];
  readonly positive: string;
  readonly operating_point: number;
  readonly undecided: Interval; // probabilities between which the decision is "cannot tell", whatever else is known
  readonly intended_use: string;
  readonly licences: Readonly<Record<string, string>>;
  readonly onnxruntime: string;
  readonly mpoxlens: string;
}

/** What came, why it is refused, and what mends it. Mirrors `mpoxlens.errors.MpoxlensError`. */
export class ClinicError extends Error {
  override readonly name = "ClinicError";

  constructor(
    readonly what: string,
    readonly why: string,
    readonly mend: string,
    readonly kind: "PhotoError" | "HistoryError" | "BundleError" = "BundleError",
  ) {
    super(`${what}: ${why}; ${mend}`);
  }
}

/** Answers of which none is known. */
export const UNKNOWN: ClinicalInfo = {
  age: null,
  days_since_onset: null,
  fever_celsius: null,
  lesion_count: null,
  contact_21_days: null,
  intimate_contact_21_days: null,
  acute_rash: null,
  fever: null,
  fever_before_rash: null,
  headache: null,
  myalgia: null,
  back_pain: null,
  fatigue: null,
  lymphadenopathy: null,
  inguinal_nodes: null,
  mucosal_lesions: null,
  anogenital_lesions: null,
  proctitis: null,
  palms_and_soles: null,
  monomorphic: null,
  crops_of_lesions: null,
  pustules: null,
  itch: null,
  sex_with_men: null,
  hiv: null,
};
