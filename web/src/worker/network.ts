/** The network on onnxruntime-web: WebAssembly with SIMD, on one thread. */

import * as ort from "onnxruntime-web/wasm";
import { refused } from "../core/bundle";
import type { Network, Outputs } from "../core/classify";
import { ClinicError } from "../core/schema";
import { simdHere } from "../core/simd";

const OUTPUTS = ["logits", "cam", "embedding"] as const;

/**
 * Open a model whose bytes were checked.
 *
 * One thread: more would need a page that is isolated from other origins, which not every host can give.
 *
 * @param side of the input, px
 * @param wasm onnxruntime's WebAssembly; under node it is found beside the package when left out
 */
export async function openNetwork(model: Uint8Array, side: number, wasm?: Uint8Array<ArrayBuffer>): Promise<Network> {
  if (!simdHere())
    throw new ClinicError("this browser", "it is too old to run the model", "update it, or use another one");
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.proxy = false; // we are in a worker already
  ort.env.logLevel = "error";
  if (wasm) ort.env.wasm.wasmBinary = wasm.buffer;
  const session = await opened(model);
  const runtime = `web ${ort.env.versions.web ?? "?"}`;
  return { version: runtime, run: (input) => run(session, input, side) };
}

async function opened(model: Uint8Array): Promise<ort.InferenceSession> {
  try {
    const session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
    if (OUTPUTS.every((name) => session.outputNames.includes(name)) && session.inputNames.join() === "photo")
      return session;
  } catch (error) {
    throw refused("model.onnx", `this browser cannot load it (${firstLine(error)})`);
  }
  throw refused("model.onnx", `its outputs are not ${OUTPUTS.join(", ")}`);
}

async function run(session: ort.InferenceSession, input: Float32Array, side: number): Promise<Outputs> {
  const photo = new ort.Tensor("float32", input, [1, 3, side, side]);
  const out = await session.run({ photo });
  const [logits, cam, embedding] = OUTPUTS.map((name) => floats(out[name]));
  const [height = 0, width = 0] = out["cam"]?.dims.slice(-2) ?? [];
  if (!logits || !cam || !embedding) throw refused("model.onnx", `its outputs are not ${OUTPUTS.join(", ")}`);
  return { logits, cam, embedding, width, height };
}

/** A copy, because onnxruntime may use its memory again. */
function floats(tensor: ort.Tensor | undefined): Float32Array | null {
  return tensor?.data instanceof Float32Array ? Float32Array.from(tensor.data) : null;
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0]?.slice(0, 200) ?? "";
}
