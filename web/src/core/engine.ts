/** The screener: photos and some answers in, a screening with all that led to it out. Mirrors `screening/engine.py`. */

import type { Spec } from "./bundle";
import { classify, type Network } from "./classify";
import { combine, counts, type Examined } from "./combine";
import { decide, type Numbers } from "./decide";
import { check, strange } from "./gate";
import { heatMap } from "./heatmap";
import { parseHistory, weigh } from "./history";
import { logOdds, sigmoid, spread } from "./rules";
import { ClinicError, type ClinicalInfo, type Gate, type Interval, type PhotoInput, type PhotoResult,
  type Provenance, type Screening } from "./schema";
import rules from "../tables/rules.json";

export const VERSION: string = rules.version;

/** A photo once the network has seen it; its pixels are not kept. */
export interface Shot extends Examined {
  readonly file: string;
  readonly sha256: string;
  readonly width: number; // of the class activation map
  readonly height: number;
}

/** Look at one photo: the gate, and one pass of the network. `gate` is given where it has looked already. */
export async function examine(spec: Spec, network: Network, photo: PhotoInput, gate?: Gate): Promise<Shot> {
  const { found, width, height } = await classify(spec, network, photo.pixels);
  return {
    file: photo.name ?? "photo",
    sha256: photo.sha256 ?? "",
    gate: gate ?? check(photo),
    strange: strange(found.ood_score, spec.ood.threshold),
    found, width, height,
  };
}

/** Conclude from photos that were looked at, and answers. `runtime` is the version of onnxruntime. */
export function conclude(spec: Spec, shots: readonly Shot[], answers: ClinicalInfo, runtime: string): Screening {
  if (!shots.length)
    throw new ClinicError("no photo", "a screening needs at least one", "take a photo of the rash", "PhotoError");
  const info = parseHistory(answers, "ClinicalInfo");
  const history = weigh(info);
  const together = combine(spec, shots);
  const shift = Math.log(history.likelihood_ratio);
  const photo = estimate(together.odds, together.drawn, 0);
  const both = estimate(together.odds, together.drawn, shift);
  const numbers: Numbers = {
    gate: together.gate,
    strange: together.doubt,
    photo_probability: photo.probability,
    ...both,
    likelihood_ratio: history.likelihood_ratio,
    suspected_case: history.suspected_case,
    contact: info.contact_21_days,
  };
  const { reasons, decision, next_step, prediction_set } = decide(numbers, spec.conformal, spec.operating_point);
  return {
    file: shots.map((shot) => shot.file).join(", "),
    decision,
    ...both,
    photo_probability: photo.probability,
    photo_interval: photo.interval,
    prediction_set,
    operating_point: spec.operating_point,
    reasons,
    next_step,
    gate: together.gate,
    probabilities: together.probabilities,
    ood_score: together.ood_score,
    history,
    provenance: provenance(spec, shots, runtime),
    photos: shots.map((shot) => result(spec, shot)),
    map_passed: spec.map?.passed ?? null,
  };
}

/** The interval takes in its estimate, which the bootstrap need not straddle. */
function estimate(
  odds: number, drawn: readonly number[], shift: number,
): { readonly probability: number; readonly interval: Interval } {
  const probability = sigmoid(odds + shift);
  const { low, high } = spread(drawn, shift);
  return { probability, interval: { low: Math.min(low, probability), high: Math.max(high, probability) } };
}

function provenance(spec: Spec, shots: readonly Shot[], runtime: string): Provenance {
  return {
    bundle: `${spec.name} ${spec.version}`,
    bundle_sha256: spec.sha256,
    mpoxlens: VERSION,
    onnxruntime: runtime,
    photo_sha256: shots.map((shot) => shot.sha256).join(" ").trim(),
  };
}

function result(spec: Spec, shot: Shot): PhotoResult {
  const { file, gate, found, width, height } = shot;
  return {
    file,
    gate,
    strange: shot.strange,
    counted: counts(shot),
    probability: sigmoid(logOdds(spec.calibration, found.logits, spec.column)),
    ood_score: found.ood_score,
    heat: heatMap(found.cam, spec.labels.length, spec.column, width, height),
  };
}
