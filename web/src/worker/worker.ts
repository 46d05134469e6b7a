/** The worker: fetches, verifies and runs the model away from the page's thread. */

import wasm from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import { ClinicError } from "../core/schema";
import { Desk } from "./desk";
import { load } from "./load";
import type { Numbered, Refusal, Reply, Request } from "./messages";

declare const __BUNDLE__: string; // filled in by the build: the sha256 of the bundle.json that the page is made for

const scope = self as unknown as DedicatedWorkerGlobalScope;
let reading = 0; // the request that waits for the files, to which progress belongs

const desk = new Desk(
  (base) => load(base, new URL(wasm, import.meta.url).href, (share) => reply({ id: reading, share })),
  __BUNDLE__,
);

scope.onmessage = ({ data }: MessageEvent<Numbered<Request>>) => {
  if (data.kind === "ready") reading = data.id;
  desk.answer(data).then(
    (answer) => reply({ id: data.id, answer }),
    (error: unknown) => reply({ id: data.id, refusal: refusal(error) }),
  );
};

function reply(message: Reply): void {
  scope.postMessage(message);
}

/** What is no refusal of ours, such as memory that ran out, is told in the same form: nobody is left waiting. */
function refusal(error: unknown): Refusal {
  if (error instanceof ClinicError) return { what: error.what, why: error.why, mend: error.mend, kind: error.kind };
  const why = error instanceof Error ? error.message : String(error);
  return { what: "this browser", why, mend: "close other pages, and load this one again", kind: "BundleError" };
}
