/** The expert's side of a hand-over, by node's own cryptography: what the page locks, another program can open. */

import { createDecipheriv, createECDH, createHash, hkdfSync, type ECDH } from "node:crypto";
import type { Locked } from "../../src/takeaway/handover";

const PURPOSE = "mpoxlens handover 1";
const TAG = 16; // bytes at the end of the ciphertext

export interface Expert {
  readonly text: string; // of the public key, as it is passed on
  readonly unlock: (locked: Locked) => string;
}

export function expert(): Expert {
  const own = createECDH("prime256v1");
  const point = own.generateKeys();
  const fingerprint = createHash("sha256").update(point).digest("hex").slice(0, 16).toUpperCase();
  const text = `MPOXLENS-KEY:1:${point.toString("base64url")}:${fingerprint}`;
  return { text, unlock: (locked) => unlocked(locked, own, point) };
}

function unlocked({ to, ephemeral, iv, ciphertext }: Locked, own: ECDH, point: Buffer): string {
  const [theirs, sealed] = [Buffer.from(ephemeral, "base64url"), Buffer.from(ciphertext, "base64url")];
  const secret = hkdfSync("sha256", own.computeSecret(theirs), Buffer.concat([theirs, point]), PURPOSE, 32);
  const cipher = createDecipheriv("aes-256-gcm", Buffer.from(secret), Buffer.from(iv, "base64url"));
  cipher.setAAD(Buffer.from(`${PURPOSE}:${to}:${ephemeral}`)).setAuthTag(sealed.subarray(-TAG));
  return Buffer.concat([cipher.update(sealed.subarray(0, -TAG)), cipher.final()]).toString("utf8");
}
