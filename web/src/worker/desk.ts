/** Takes the page's requests one after the other. Apart from `worker.ts`, so that it runs without a browser. */

import { refused, verified, type Spec } from "../core/bundle";
import type { Network } from "../core/classify";
import { conclude, examine, VERSION, type Shot as Examined } from "../core/engine";
import { check } from "../core/gate";
import { checkGolden } from "../core/golden";
import { undecided } from "../core/rules";
import { ClinicError, type BundleInfo, type ClinicalInfo, type Gate, type PhotoInput, type Screening } from "../core/schema";
import type { Shot } from "./client";
import type { Loaded } from "./load";
import type { Answer, Request } from "./messages";
import { openNetwork } from "./network";

interface Open {
  readonly spec: Spec;
  readonly network: Network;
}

export class Desk {
  private opening: Promise<Open> | null = null;
  private last: readonly Examined[] = [];
  private queue: Promise<unknown> = Promise.resolve();
  private readonly gates = new Map<string, Gate>(); // by sha256: the page asks when a photo comes, and then for all

  /**
   * @param load fetches the files of a bundle; called again after a failure only
   * @param bundle sha256 of the only `bundle.json` that is taken
   */
  constructor(
    private readonly load: (base: string) => Promise<Loaded>,
    private readonly bundle: string,
  ) {}

  /** Answer a request. Hints for the camera do not wait for the model; all else keeps its order. */
  answer(request: Request): Promise<Answer> {
    if (request.kind === "quality") return Promise.resolve(request.shot).then((shot) => this.gate(asPhoto(shot)));
    const turn = this.queue.then(() => this.inTurn(request));
    this.queue = turn.catch(() => undefined); // one refusal must not refuse those who wait
    return turn;
  }

  private async inTurn(request: Exclude<Request, { kind: "quality" }>): Promise<Answer> {
    if (request.kind === "ready") return info(await this.opened(request.base));
    if (request.kind === "screen") return this.screen(request.shots, request.info);
    return this.conclude(request.info);
  }

  private async screen(shots: readonly Shot[], answers: ClinicalInfo): Promise<Screening> {
    const { spec, network } = await this.opened();
    this.last = [];
    const seen: Examined[] = [];
    for (const photo of shots.map(asPhoto)) seen.push(await examine(spec, network, photo, this.gate(photo)));
    this.last = seen;
    return this.conclude(answers);
  }

  private async conclude(answers: ClinicalInfo): Promise<Screening> {
    const { spec, network } = await this.opened();
    return conclude(spec, this.last, answers, network.version);
  }

  private gate(photo: PhotoInput): Gate {
    const { sha256 } = photo;
    const found = (sha256 && this.gates.get(sha256)) || check(photo);
    if (sha256) this.gates.set(sha256, found);
    return found;
  }

  private async opened(base?: string): Promise<Open> {
    if (base === undefined && !this.opening)
      throw new ClinicError("the model", "it is not loaded yet", "wait until the page says that it is ready");
    this.opening ??= open(this.load(base ?? ""), this.bundle);
    try {
      return await this.opening;
    } catch (error) {
      this.opening = null; // a later try may find the network back
      throw error;
    }
  }
}

/** Nothing is screened with files that differ from what was built, or that give other numbers here. */
async function open(loading: Promise<Loaded>, bundle: string): Promise<Open> {
  const { files, wasm } = await loading;
  const spec = await verified(files);
  if (spec.sha256 !== bundle)
    throw refused("bundle.json", `sha256 ${short(spec.sha256)}, and this page was built for ${short(bundle)}`);
  const network = await openNetwork(files["model.onnx"], spec.preprocess.size, wasm);
  await checkGolden(spec, network, files["golden.json"]);
  return { spec, network };
}

function info({ spec, network }: Open): BundleInfo {
  const { name, version, sha256, labels, positive, operating_point, conformal, intended_use, licences } = spec;
  return {
    name, version, sha256, labels, positive, operating_point, intended_use, licences,
    undecided: undecided(conformal, operating_point),
    onnxruntime: network.version,
    mpoxlens: VERSION,
  };
}

function short(sha256: string): string {
  return `${sha256.slice(0, 12)}…`;
}

function asPhoto(shot: Shot): PhotoInput {
  return "pixels" in shot ? shot : { pixels: shot };
}
