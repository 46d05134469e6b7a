/** A photograph to a classification: preprocessing, then one pass of the network. Mirrors `screening/classify.py`. */

import { refused, type Spec } from "./bundle";
import { preprocess } from "./preprocess";
import { probabilities, strangeness } from "./rules";
import type { Classification, Pixels } from "./schema";

/** What the network gives for one photograph. */
export interface Outputs {
  readonly logits: Float32Array; // [C]
  readonly cam: Float32Array; // [C, height, width]
  readonly embedding: Float32Array; // [D]
  readonly width: number; // of the map
  readonly height: number;
}

export interface Network {
  readonly version: string; // of the runtime
  run(input: Float32Array): Promise<Outputs>; // [3, size, size]
}

export interface Classified {
  readonly found: Classification;
  readonly width: number; // of the map
  readonly height: number;
}

/** Classify one photograph; `ClinicError` when the network gives numbers that are not finite. */
export async function classify(spec: Spec, network: Network, pixels: Pixels): Promise<Classified> {
  const out = await network.run(preprocess(spec.preprocess, pixels));
  return { found: classified(spec, out), width: out.width, height: out.height };
}

/** The network's numbers as a classification. */
export function classified(spec: Spec, out: Pick<Outputs, "logits" | "cam" | "embedding">): Classification {
  const { logits, cam, embedding } = out;
  if (![logits, cam, embedding].every((numbers) => numbers.every(Number.isFinite)))
    throw refused("model.onnx", "its network gave numbers that are not finite on this device");
  const shares = probabilities(spec.calibration, logits, spec.column);
  return {
    probabilities: Object.fromEntries(spec.labels.map((label, n) => [label, shares[n] ?? NaN])),
    logits, cam, embedding,
    ood_score: strangeness(spec.ood, embedding),
  };
}
