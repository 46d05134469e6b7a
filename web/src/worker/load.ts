/** Fetch the bundle and the WebAssembly of onnxruntime from the page's own origin. */

import { FILES, refused, type Files } from "../core/bundle";

/** About what each file weighs in the whole; only the moving of a progress bar depends on it. */
const WEIGHTS: Readonly<Record<string, number>> = { "bundle.json": 0.02, "golden.json": 0.01, "model.onnx": 0.22 };
const OF_WASM = 0.75;

export interface Loaded {
  readonly files: Files;
  readonly wasm: Uint8Array<ArrayBuffer>;
}

/** Fetch all files at once; `ClinicError` names the one that cannot be had. */
export async function load(base: string, wasm: string, onProgress: (share: number) => void): Promise<Loaded> {
  const done = new Map<string, number>();
  const told = (name: string, weight: number) => (share: number) => {
    done.set(name, weight * share);
    onProgress([...done.values()].reduce((a, b) => a + b, 0));
  };
  const [runtime, ...contents] = await Promise.all([
    fetched(wasm, "onnxruntime", told("wasm", OF_WASM)),
    ...FILES.map((name) => fetched(new URL(name, base).href, name, told(name, WEIGHTS[name] ?? 0))),
  ]);
  const files = Object.fromEntries(FILES.map((name, n) => [name, contents[n]])) as unknown as Files;
  return { files, wasm: runtime };
}

async function fetched(url: string, name: string, told: (share: number) => void): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const response = await fetch(url);
    if (!response.ok) throw new TypeError(`status ${response.status}`);
    return await body(response, told);
  } catch (error) {
    throw refused(name, `it cannot be loaded (${error instanceof Error ? error.message : String(error)})`);
  }
}

/** A compressed answer is longer than it says; then the bar waits at its end. */
async function body(response: Response, told: (share: number) => void): Promise<Uint8Array<ArrayBuffer>> {
  const expected = Number(response.headers.get("Content-Length")) || Infinity;
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  const reader = response.body?.getReader();
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
    parts.push(part.value);
    size += part.value.length;
    told(Math.min(1, size / expected));
  }
  told(1);
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}
