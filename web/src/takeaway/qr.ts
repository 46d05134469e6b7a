/**
 * The code: a result in one line of text that fits a small QR code and that another mpoxlens checks.
 *
 * MPOXLENS:1:SOFTWARE:DECISION:CHANCE:LOW:HIGH:BUNDLE:TIME:CHECK. DECISION is L, U or C; chances are in hundredths of a
 * per cent; BUNDLE is the first 16 digits of the bundle's SHA-256; CHECK is the first 16 digits of the SHA-256 of all
 * that stands before its colon. It shows that nothing was changed by mistake; it is no signature. Only signs of QR's
 * alphanumeric mode are used, which makes the code a third smaller. Mirrors `src/mpoxlens/takeaway.py`.
 */

import { encodeQR } from "qr";

import { hex } from "../core/numbers";
import type { Decision, Interval } from "../core/schema";
import type { CaseRecord } from "./record";

const LETTERS: Readonly<Record<Decision, string>> = { "mpox likely": "L", "mpox unlikely": "U", "cannot tell": "C" };
const FORM = /^MPOXLENS:1:([0-9A-Z.+-]{1,24}):([LUC]):(\d{1,5}):(\d{1,5}):(\d{1,5}):([0-9A-F]{16}):(\d{8}T\d{6}Z):([0-9A-F]{16})$/;
const DIGITS = 16; // of the checksums, 64 bits
const QUIET = 4; // modules around a QR code (ISO/IEC 18004)

/** What a code says. */
export interface Code {
  readonly software: string;
  readonly decision: Decision;
  readonly probability: number;
  readonly interval: Interval;
  readonly bundle: string; // first 16 hexadecimal digits of the bundle's SHA-256
  readonly made: Date;
}

export type Refusal = "foreign" | "newer" | "changed";

export class CodeError extends Error {
  override readonly name = "CodeError";

  constructor(readonly kind: Refusal) {
    super(`a code that is ${kind}`);
  }
}

export async function writeCode({ screening, made }: Pick<CaseRecord, "screening" | "made">): Promise<string> {
  const chances = [screening.probability, screening.interval.low, screening.interval.high].map(hundredths);
  const { mpoxlens, bundle_sha256 } = screening.provenance;
  const bundle = bundle_sha256.slice(0, DIGITS);
  const parts = ["MPOXLENS", 1, mpoxlens, LETTERS[screening.decision], ...chances, bundle, stamp(made)];
  const said = parts.join(":").toUpperCase();
  return `${said}:${await check(said)}`;
}

/** Read and verify a code; spaces and line ends come from typing. Throws `CodeError`. */
export async function readCode(text: string): Promise<Code> {
  const line = text.replace(/\s/g, "").toUpperCase();
  const version = /^MPOXLENS:(\d{1,4}):/.exec(line)?.[1];
  if (version === undefined) throw new CodeError("foreign");
  if (Number(version) > 1) throw new CodeError("newer");
  const parts = FORM.exec(line);
  if (!parts || parts[8] !== (await check(line.slice(0, -DIGITS - 1)))) throw new CodeError("changed");
  return told(parts.slice(1).map(String));
}

/** Was the code made with this bundle? Only the digits that the code holds can be compared. */
export function sameBundle(code: Code, bundleSha256: string): boolean {
  return bundleSha256.toLowerCase().startsWith(code.bundle);
}

/** The code's dark modules as one SVG path, and the side of the square in modules. */
export function codePath(text: string): { path: string; side: number } {
  const modules = encodeQR(text, "raw", { ecc: "medium", encoding: "alphanumeric", border: QUIET }); // a sixth may be smudged
  const dark = modules.flatMap((row, y) => row.flatMap((isDark, x) => (isDark ? [`M${x} ${y}h1v1h-1z`] : [])));
  return { path: dark.join(""), side: modules.length };
}

function told([software = "", letter = "", chance, low, high, bundle = "", made = ""]: readonly string[]): Code {
  const decision = (Object.keys(LETTERS) as Decision[]).find((one) => LETTERS[one] === letter);
  const [probability, least, most] = [chance, low, high].map((n) => Number(n) / 10_000);
  const time = new Date(made.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, "$1-$2-$3T$4:$5:$6Z"));
  if (decision === undefined || probability === undefined || least === undefined || most === undefined) throw new CodeError("changed");
  if (!(least <= probability && probability <= most && most <= 1) || !isTime(time, made)) throw new CodeError("changed");
  return {
    software: software.toLowerCase(),
    decision,
    probability,
    interval: { low: least, high: most },
    bundle: bundle.toLowerCase(),
    made: time,
  };
}

/** Browsers take the 30th of February for the 2nd of March. */
function isTime(time: Date, made: string): boolean {
  return !Number.isNaN(time.getTime()) && stamp(time) === made;
}

async function check(said: string): Promise<string> {
  const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(said)));
  return hex(sum).slice(0, DIGITS).toUpperCase();
}

function hundredths(chance: number): number {
  return Math.round(10_000 * chance);
}

function stamp(made: Date): string {
  return `${made.toISOString().slice(0, 19).replace(/[-:]/g, "")}Z`;
}
