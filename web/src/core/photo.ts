/** What is known of a photograph before its pixels are judged. See `mpoxlens/photo.py`. */

import { ascii } from "./png";
import rules from "../tables/rules.json";

const SAID_EARLY = 4096; // bytes within which a drawing says what it is

/**
 * The size to decode to: by halves, quarters or eighths while the shorter side keeps `WORKING_SIDE` px.
 *
 * Python lets JPEG alone be reduced; the page reduces every format so, because a phone has little memory.
 */
export function decodedSize(width: number, height: number): { width: number; height: number; step: 1 | 2 | 4 | 8 } {
  const scale = Math.max(1, Math.min(width, height) / rules.photo.WORKING_SIDE);
  const room = Math.min(
    Math.floor(width / Math.trunc(width / scale)), Math.floor(height / Math.trunc(height / scale)),
  );
  const step = ([8, 4, 2] as const).find((one) => room >= one) ?? 1;
  return { width: Math.ceil(width / step), height: Math.ceil(height / step), step };
}

/** Does a PNG say of itself that it is one of our phantoms? Such a picture is never judged. */
export function isDrawn(bytes: Uint8Array): boolean {
  const early = ascii(bytes, 0, Math.min(bytes.length, SAID_EARLY));
  return early.startsWith("\x89PNG") && early.includes("mpoxlens\0phantom");
}
