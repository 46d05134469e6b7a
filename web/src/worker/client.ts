/** The clinic as the page sees it: promises, answered by a worker. */

import { ClinicError, type BundleInfo, type ClinicalInfo, type Gate, type PhotoInput, type Pixels,
  type Screening } from "../core/schema";
import type { Answer, Numbered, Reply, Request } from "./messages";

export type Shot = Pixels | PhotoInput; // `ImageData` is one

export interface Clinic {
  /** Load and verify the bundle. Rejects with `ClinicError` when a file is damaged; then nothing is screened. */
  ready(onProgress?: (share: number) => void): Promise<BundleInfo>;
  /** The gate alone, for hints while the camera runs. Needs no model. */
  quality(shot: Shot): Promise<Gate>;
  /** Screen the photos of one person together; see core/combine.ts. */
  screen(shots: readonly Shot[], info: ClinicalInfo): Promise<Screening>;
  /** Screen the same photos with other answers; no pass of the network. */
  reweigh(info: ClinicalInfo): Promise<Screening>;
  /** Forget the photos and end the worker; what still waits is refused. */
  close(): void;
}

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: ClinicError) => void;
  readonly onProgress: ((share: number) => void) | undefined;
}

/** Start a worker, which fetches the bundle beside the page. */
export function openClinic(onDeath: (why: ClinicError) => void): Clinic {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  return connect(worker, new URL("bundle/", document.baseURI).href, onDeath);
}

/**
 * Speak with a worker that was started.
 *
 * @param base the folder of bundle.json, golden.json and model.onnx
 * @param onDeath told once, when the worker fails as a whole; it then refuses all that is asked
 */
export function connect(worker: Worker, base: string, onDeath: (why: ClinicError) => void): Clinic {
  const waiting = new Map<number, Waiting>();
  let last = 0;
  let ended: ClinicError | null = null;

  function ask<T extends Answer>(request: Request, onProgress?: (share: number) => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (ended !== null) {
        reject(ended);
        return;
      }
      waiting.set(++last, { resolve: resolve as (answer: Answer) => void, reject, onProgress });
      worker.postMessage({ ...request, id: last } satisfies Numbered<Request>);
    });
  }
  function end(why: string): ClinicError {
    ended ??= new ClinicError("the clinic", why, "load the page again");
    worker.terminate();
    for (const one of waiting.values()) one.reject(ended);
    waiting.clear();
    return ended;
  }
  worker.onmessage = ({ data }: MessageEvent<Reply>) => {
    const one = waiting.get(data.id);
    if ("share" in data) return one?.onProgress?.(data.share);
    waiting.delete(data.id);
    if ("answer" in data) return one?.resolve(data.answer);
    const { what, why, mend, kind } = data.refusal;
    one?.reject(new ClinicError(what, why, mend, kind));
  };
  worker.onerror = (event) => onDeath(end(event.message || "its worker could not be started"));
  return {
    ready: (onProgress) => ask<BundleInfo>({ kind: "ready", base }, onProgress),
    quality: (shot) => ask<Gate>({ kind: "quality", shot }),
    screen: (shots, info) => ask<Screening>({ kind: "screen", shots, info }),
    reweigh: (info) => ask<Screening>({ kind: "reweigh", info }),
    close: () => void end("it was closed"),
  };
}
