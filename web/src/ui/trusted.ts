/** What the page may ever run: scripts of its own origin. Text is never taken for markup or for code. */

interface Policies {
  createPolicy(name: "default", rules: { readonly createScriptURL: (address: string) => string | null }): unknown;
}

/** Browsers that know Trusted Types (W3C) hold every script address to this, and refuse all markup made of text. */
export function trustOwnScriptsOnly(): void {
  const { trustedTypes } = globalThis as { readonly trustedTypes?: Policies };
  trustedTypes?.createPolicy("default", { createScriptURL: (address) => (isOwn(address) ? address : null) });
}

export function isOwn(address: string): boolean {
  return new URL(address, document.baseURI).origin === location.origin;
}
