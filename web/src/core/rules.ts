/** The arithmetic of a decision: calibrated probability, prediction set, strangeness. Mirrors `mpoxlens/rules.py`. */

import { at, fromBase64, halfFloats, quantile, sum } from "./numbers";
import type { Interval, Member } from "./schema";
import rules from "../tables/rules.json";

const MAX = rules.calibration.MAX_LOG_ODDS;

/** Temperature scaling with a bias for the positive class, and refits on resampled clusters for the interval. */
export interface Calibration {
  readonly temperature: number;
  readonly bias: number; // added to the positive label's log-odds
  readonly bootstrap: readonly (readonly [number, number])[]; // (temperature, bias)
}

/** Class-conditional split-conformal prediction set on P(mpox). */
export interface Conformal {
  readonly alpha: number;
  readonly mpox_from: number; // "mpox" is in the set when P >= this
  readonly other_to: number; // "other" is in the set when P <= this
}

/** Mahalanobis distance of the embedding's direction in the training photographs' principal components. */
export interface OutOfDistribution {
  readonly mean: Float32Array; // [D]
  readonly components: Float32Array; // [K, D]
  readonly residual: number;
  readonly threshold: number;
}

export function logOdds(calibration: Calibration, logits: ArrayLike<number>, positive: number): number {
  return oddsAt(logits, positive, calibration.temperature, calibration.bias);
}

/** Calibrated probabilities [C] that sum to 1. */
export function probabilities(calibration: Calibration, logits: ArrayLike<number>, positive: number): number[] {
  const p = sigmoid(logOdds(calibration, logits, positive));
  const scaled = Array.from(logits, (l) => Math.fround(l / Math.fround(calibration.temperature)));
  const others = scaled.filter((_, n) => n !== positive);
  const top = Math.max(...others);
  const total = sum(others.map((l) => Math.exp(l - top)));
  return scaled.map((l, n) => (n === positive ? p : (Math.exp(l - top) * (1 - p)) / total));
}

/** The 95 % interval of log-odds that the bootstrap gave, shifted. */
export function spread(odds: readonly number[], shift: number): Interval {
  const drawn = odds.map((value) => sigmoid(value + shift));
  return { low: quantile(drawn, 0.025), high: quantile(drawn, 0.975) };
}

export function predictionSet(conformal: Conformal, probability: number): Member[] {
  const members: Member[] = [];
  if (probability >= conformal.mpox_from) members.push("mpox");
  if (probability <= conformal.other_to) members.push("other");
  return members;
}

/** The one member of the prediction set if the operating point agrees, else null. */
export function side(probability: number, conformal: Conformal, operatingPoint: number): Member | null {
  const members = predictionSet(conformal, probability);
  const agreed = probability >= operatingPoint ? "mpox" : "other";
  return members.length === 1 && members[0] === agreed ? agreed : null;
}

/** The probabilities between which the decision is "cannot tell"; mirrors `undecided` of `screening/report.py`. */
export function undecided(conformal: Conformal, operatingPoint: number): Interval {
  const edges = [conformal.mpox_from, conformal.other_to, operatingPoint];
  return { low: Math.max(Math.min(...edges), 0), high: Math.min(Math.max(...edges), 1) };
}

/** The distance of an embedding [D]; about 1 for a typical training photograph. */
export function strangeness(ood: OutOfDistribution, embedding: ArrayLike<number>): number {
  const size = ood.mean.length;
  const length = Math.max(Math.sqrt(sum(Array.from(embedding, (v) => v * v))), 1e-12);
  const centred = Float64Array.from({ length: size }, (_, n) => at(embedding, n) / length - at(ood.mean, n));
  const left = Float64Array.from(centred);
  const count = ood.components.length / size;
  let squares = 0;
  for (let k = 0; k < count; k++) {
    const component = ood.components.subarray(k * size, (k + 1) * size);
    const scaled = dot(centred, component);
    const norm = dot(component, component);
    for (let n = 0; n < size; n++) left[n] = at(left, n) - (scaled / norm) * at(component, n);
    squares += scaled * scaled;
  }
  return Math.sqrt((0.5 * squares) / count + 0.5 * (dot(left, left) / ood.residual ** 2));
}

export function sigmoid(logOddsOf: number): number {
  return 0.5 * (1 + Math.tanh(0.5 * logOddsOf));
}

export function checkedCalibration(data: Calibration): Calibration {
  const pairs = data.bootstrap.map(([t, b]) => [t, b] as const);
  const temperatures = [data.temperature, ...pairs.map(([t]) => t)];
  const biases = [data.bias, ...pairs.map(([, b]) => b)];
  if (!pairs.length || !temperatures.every((t) => t > 0) || !biases.every(Number.isFinite))
    throw new TypeError("calibration: temperatures must be above 0");
  return { temperature: data.temperature, bias: data.bias, bootstrap: pairs };
}

export function checkedConformal(data: Conformal): Conformal {
  const { alpha, mpox_from, other_to } = data;
  const within = [mpox_from, other_to].every((p) => p >= 0 && p <= 1);
  if (!(alpha > 0 && alpha < 0.5 && within)) throw new TypeError("conformal: a number is out of range");
  return { alpha, mpox_from, other_to };
}

export function unpackedOod(data: {
  readonly mean: string; readonly components: string; readonly dimensions: readonly number[];
  readonly residual: number; readonly threshold: number;
}): OutOfDistribution {
  const [k, d] = [at(data.dimensions, 0), at(data.dimensions, 1)];
  const [mean, components] = [halfFloats(fromBase64(data.mean)), halfFloats(fromBase64(data.components))];
  const { residual, threshold } = data;
  const finite = mean.every(Number.isFinite) && components.every(Number.isFinite);
  if (mean.length !== d || components.length !== k * d || !finite || !(residual > 0) || !(threshold > 0))
    throw new TypeError("ood: a number is out of range");
  return { mean, components, residual, threshold };
}

/** Log-odds of the positive label at one temperature and bias, within the bounds that every photograph keeps. */
export function oddsAt(logits: ArrayLike<number>, positive: number, temperature: number, bias: number): number {
  let others = -Infinity;
  for (let n = 0; n < logits.length; n++)
    if (n !== positive) others = logAddExp(others, at(logits, n) / temperature);
  return Math.min(Math.max(at(logits, positive) / temperature - others + bias, -MAX), MAX);
}

function logAddExp(a: number, b: number): number {
  const top = Math.max(a, b);
  return top === -Infinity ? top : top + Math.log1p(Math.exp(-Math.abs(a - b)));
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let total = 0;
  for (let n = 0; n < a.length; n++) total += at(a, n) * at(b, n);
  return total;
}
