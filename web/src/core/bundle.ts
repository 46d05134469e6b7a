/** The bundle: verified before anything is screened with it. Mirrors `mpoxlens/bundle.py`. */

import { checkedPreprocess, type Preprocess } from "./preprocess";
import { hex } from "./numbers";
import {
  checkedCalibration, checkedConformal, unpackedOod, type Calibration, type Conformal, type OutOfDistribution,
} from "./rules";
import { ClinicError, type Interval } from "./schema";

const FORMAT = 1;
export const AGAIN = "load the page again while the network is on";
export const FILES = ["bundle.json", "golden.json", "model.onnx"] as const;
export type Files = Readonly<Record<(typeof FILES)[number], Uint8Array<ArrayBuffer>>>;

/** How alike maps are before and after a network forgets: a mean rank correlation with its 95 % interval. */
interface Alike extends Interval {
  readonly value: number;
}

/** Whether the heat map follows what the network has learned. */
export interface MapCheck {
  readonly alike: { readonly signed: Alike; readonly absolute: Alike }; // with and without the maps' signs
  readonly limit: number; // below which both intervals must lie
  readonly passed: boolean;
}

/** The contents of `bundle.json`. */
export interface Spec {
  readonly name: string;
  readonly version: string;
  readonly labels: readonly string[]; // in the order of the logits
  readonly positive: string;
  readonly column: number; // of `positive` among the labels
  readonly preprocess: Preprocess;
  readonly calibration: Calibration;
  readonly operating_point: number;
  readonly conformal: Conformal;
  readonly ood: OutOfDistribution;
  readonly intended_use: string;
  readonly licences: Readonly<Record<string, string>>;
  readonly map: MapCheck | null; // null: the heat map was not checked
  readonly sha256: string; // of the file bundle.json
}

/** What the file holds, as far as the page reads it; anything else than these types makes `specOf` throw. */
type Content = Omit<Spec, "ood" | "preprocess" | "map"> & {
  readonly format: unknown;
  readonly files: Readonly<Record<string, string>>;
  readonly preprocess: Readonly<Record<string, unknown>>;
  readonly ood: Parameters<typeof unpackedOod>[0];
  readonly map?: Parameters<typeof checkedMap>[0];
};

/** Read `bundle.json` and check the sha256 of itself, the model and the golden vectors. */
export async function verified(files: Files): Promise<Spec> {
  const { spec, hashes } = await parsed(files["bundle.json"]);
  for (const name of ["model.onnx", "golden.json"] as const)
    if ((await sha256(files[name])) !== hashes[name])
      throw refused(name, "its sha256 is not the one in bundle.json, so it was altered or damaged");
  return spec;
}

export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const { subtle } = crypto as Partial<Crypto>; // a page without https has none
  if (!subtle) throw new ClinicError("this page", "its files cannot be checked without https", "open it over https");
  return hex(new Uint8Array(await subtle.digest("SHA-256", bytes)));
}

/** The sha256 of what `bundle.json` holds, its own entry "sha256" left out, as Python's `bundle.digest` computes it. */
export async function digest(text: string): Promise<string> {
  return sha256(new TextEncoder().encode(canonical(text)));
}

export function refused(what: string, why: string): ClinicError {
  return new ClinicError(what, why, AGAIN, "BundleError");
}

async function parsed(raw: Uint8Array<ArrayBuffer>): Promise<{ spec: Spec; hashes: Content["files"] }> {
  const text = new TextDecoder().decode(raw);
  try {
    const data = JSON.parse(text) as Content;
    if (data.format !== FORMAT)
      throw refused("bundle.json", `format ${String(data.format)} is unknown to this version`);
    if (data.sha256 !== (await digest(text)))
      throw refused("bundle.json", "its sha256 is not that of its content, so it was altered or damaged");
    return { spec: specOf(data, await sha256(raw)), hashes: data.files };
  } catch (error) {
    if (error instanceof ClinicError) throw error;
    throw refused("bundle.json", `damaged (${String(error)})`);
  }
}

function specOf(data: Content, hash: string): Spec {
  const column = data.labels.indexOf(data.positive);
  const distinct = new Set(data.labels).size === data.labels.length;
  if (!distinct || column < 0 || !(data.operating_point > 0 && data.operating_point < 1))
    throw refused("bundle.json", "its labels or its operating point are impossible");
  const { name, version, labels, positive, operating_point, intended_use, licences } = data;
  return {
    name, version, labels, positive, column, operating_point, intended_use, licences,
    preprocess: checkedPreprocess(data.preprocess),
    calibration: checkedCalibration(data.calibration),
    conformal: checkedConformal(data.conformal),
    ood: unpackedOod(data.ood),
    map: data.map === undefined ? null : checkedMap(data.map),
    sha256: hash,
  };
}

/** Refuses a check of another map than the one shown, impossible numbers, or a verdict at odds with them. */
export function checkedMap(data: {
  readonly method: unknown;
  readonly passed: unknown;
  readonly sanity: Omit<MapCheck, "passed">;
}): MapCheck {
  const { alike, limit } = data.sanity;
  const both = [alike.signed, alike.absolute];
  const possible = both.every(({ value, low, high }) => -1 <= low && low <= value && value <= high && high <= 1);
  const passed = both.every(({ high }) => high < limit);
  if (data.method !== "cam" || !possible || !(0 < limit && limit < 1) || data.passed !== passed)
    throw refused("bundle.json", "the check of its heat map is impossible");
  return { alike, limit, passed };
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[[\]{}:,]|[^\s[\]{}:,"]+/g;

/**
 * JSON with sorted keys and no blanks, every token as it stands.
 *
 * A number that went through JavaScript would lose the point of "1.0", and with it the hash that Python wrote.
 */
function canonical(text: string): string {
  const tokens = text.match(TOKEN) ?? [];
  let place = 0;
  const next = () => tokens[place++] ?? "";

  function members(close: string, read: () => string): string[] {
    const found: string[] = [];
    if (tokens[place] === close) next();
    else
      do found.push(read());
      while (next() === ",");
    return found;
  }
  function value(top = false): string {
    const token = next();
    if (token === "[") return `[${members("]", () => value()).join(",")}]`;
    if (token !== "{") return token;
    const rows = members("}", () => `${next()}${next()}${value()}`);
    return `{${rows.filter((row) => !(top && row.startsWith('"sha256":'))).sort(byKey).join(",")}}`;
  }
  return value(true);
}

/** Keys are ASCII; the quotation mark that ends a shorter one sorts before every letter, digit and underscore. */
function byKey(a: string, b: string): number {
  return a < b ? -1 : 1;
}
