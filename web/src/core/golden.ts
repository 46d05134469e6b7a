/** Golden vectors: drawn inputs, and what preprocessing and network must give for them. Mirrors `mpoxlens/golden.py`. */

import { AGAIN, refused, type Spec } from "./bundle";
import { classified, type Network } from "./classify";
import { at, fromBase64 } from "./numbers";
import { decodePng } from "./png";
import { preprocess } from "./preprocess";
import { ClinicError } from "./schema";

const STRIDES = { input: 997, cam: 7, embedding: 41 } as const; // every so many values of a tensor are kept
const KINDS = ["input", "logits", "cam", "embedding", "probability", "strangeness"] as const;
type Kind = (typeof KINDS)[number];
type Vector = Readonly<Record<Kind, readonly number[]>> & { readonly png: string };

interface Golden {
  readonly tolerance: Readonly<Record<Kind, number>>;
  readonly vectors: readonly Vector[];
}

/** Run the golden vectors; `ClinicError` when one differs by more than the bundle allows. */
export async function checkGolden(spec: Spec, network: Network, raw: Uint8Array): Promise<void> {
  const golden = JSON.parse(new TextDecoder().decode(raw)) as Golden; // its sha256 was checked
  const errors = await difference(spec, network, golden);
  const worse = KINDS.filter((kind) => !(errors[kind] <= golden.tolerance[kind]));
  if (!worse.length) return;
  const found = worse.map((kind) => `${kind} by ${errors[kind].toPrecision(3)}`).join(", ");
  throw new ClinicError("model.onnx", `golden vectors differ on this device (${found})`,
    `${AGAIN}, or use another browser`, "BundleError");
}

/** The largest absolute difference for each kind of tensor, over all golden vectors. */
export async function difference(spec: Spec, network: Network, golden: Golden): Promise<Record<Kind, number>> {
  const worst = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Record<Kind, number>;
  if (!golden.vectors.length) throw refused("golden.json", "no vector in it");
  for (const vector of golden.vectors) {
    const found = await outputs(spec, network, fromBase64(vector.png));
    for (const kind of KINDS) worst[kind] = Math.max(worst[kind], apart(vector[kind], found[kind])); // keeps NaN
  }
  return worst;
}

async function outputs(
  spec: Spec, network: Network, png: Uint8Array<ArrayBuffer>,
): Promise<Record<Kind, ArrayLike<number>>> {
  const input = preprocess(spec.preprocess, await decodePng(png));
  const out = await network.run(input);
  const found = classified(spec, out);
  return {
    input: sampled(input, STRIDES.input),
    logits: out.logits,
    cam: sampled(out.cam, STRIDES.cam),
    embedding: sampled(out.embedding, STRIDES.embedding),
    probability: [found.probabilities[spec.positive] ?? NaN],
    strangeness: [found.ood_score],
  };
}

function sampled(values: Float32Array, stride: number): Float32Array {
  return values.filter((_, n) => n % stride === 0);
}

function apart(expected: readonly number[], found: ArrayLike<number>): number {
  if (expected.length !== found.length) return Infinity;
  return expected.reduce((most, value, n) => Math.max(most, Math.abs(value - at(found, n))), 0);
}
