/**
 * A record locked for one remote expert. Nothing is sent: the person gets a file and passes it on.
 *
 * ECDH on P-256 between a key made for this one file and the expert's, HKDF-SHA-256 (salt: both public points), and
 * AES-256-GCM; that is the scheme ECIES (SEC 1, 5.1) with an AEAD. The file says to whom and with which key, and both are
 * authenticated. It does not show who locked it. `src/mpoxlens/handover.py` makes the expert's keys and opens the file.
 */

import { hex } from "../core/numbers";

const KEY_FORM = /^MPOXLENS-KEY:1:([A-Za-z0-9_-]{87}):([0-9A-F]{16})$/; // 65 bytes of the point, 64 bits of its SHA-256
const CURVE = { name: "ECDH", namedCurve: "P-256" } as const;
const PURPOSE = "mpoxlens handover 1";
type Bytes = Uint8Array<ArrayBuffer>;

/** An expert's public key, checked. */
export interface ExpertKey {
  readonly point: Bytes; // [65], uncompressed
  readonly fingerprint: string; // 16 hexadecimal digits, to be compared by phone
}

export interface Locked {
  readonly format: "mpoxlens handover";
  readonly version: 1;
  readonly to: string; // fingerprint of the expert's key
  readonly ephemeral: string; // public point made for this file, base64url
  readonly iv: string;
  readonly ciphertext: string; // with the tag of 16 bytes
}

/** Read a public key; null where it is not whole. Signs lost or changed in copying are found by its checksum. */
export async function readKey(text: string): Promise<ExpertKey | null> {
  const [, encoded, fingerprint] = KEY_FORM.exec(text.replace(/\s/g, "")) ?? [];
  if (encoded === undefined || fingerprint === undefined) return null;
  const point = fromBase64(encoded);
  return (await fingerprintOf(point)) === fingerprint && (await importable(point)) ? { point, fingerprint } : null;
}

/** Lock a text for the holder of `key`; every file has a key of its own, so two files of one text differ. */
export async function lock(text: string, key: ExpertKey): Promise<Locked> {
  const own = await crypto.subtle.generateKey(CURVE, false, ["deriveBits"]);
  const point = new Uint8Array(await crypto.subtle.exportKey("raw", own.publicKey));
  const head = { format: "mpoxlens handover", version: 1, to: key.fingerprint, ephemeral: toBase64(point) } as const;
  const secret = await shared(own.privateKey, key.point, salt(point, key.point));
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const cipher = { name: "AES-GCM", iv, additionalData: named(head) };
  const sealed = await crypto.subtle.encrypt(cipher, secret, new TextEncoder().encode(text));
  return { ...head, iv: toBase64(iv), ciphertext: toBase64(new Uint8Array(sealed)) };
}

async function shared(own: CryptoKey, other: Bytes, mixed: Bytes): Promise<CryptoKey> {
  const theirs = await crypto.subtle.importKey("raw", other, CURVE, false, []);
  const bits = await crypto.subtle.deriveBits({ name: "ECDH", public: theirs }, own, 256);
  const seed = await crypto.subtle.importKey("raw", bits, "HKDF", false, ["deriveKey"]);
  const stretch = { name: "HKDF", hash: "SHA-256", salt: mixed, info: new TextEncoder().encode(PURPOSE) };
  return crypto.subtle.deriveKey(stretch, seed, { name: "AES-GCM", length: 256 }, false, ["encrypt"]);
}

function salt(ephemeral: Bytes, expert: Bytes): Bytes {
  return new Uint8Array([...ephemeral, ...expert]);
}

function named(head: Pick<Locked, "to" | "ephemeral">): Bytes {
  return new TextEncoder().encode(`${PURPOSE}:${head.to}:${head.ephemeral}`);
}

/** A point off the curve is no key; the browser refuses to import it. */
async function importable(point: Bytes): Promise<boolean> {
  return crypto.subtle.importKey("raw", point, CURVE, false, []).then(
    () => true,
    () => false,
  );
}

async function fingerprintOf(point: Bytes): Promise<string> {
  const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", point)).slice(0, 8);
  return hex(sum).toUpperCase();
}

function toBase64(bytes: Bytes): string {
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function fromBase64(text: string): Bytes {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (sign) => sign.charCodeAt(0));
}
