/** Handing a file to the person: saved by the browser, or passed to an app of their choice. Nothing else leaves. */

export type FileKind = "application/json" | "application/fhir+json";

const HELD_MS = 60_000; // some browsers read the file only after the click has ended

export function save(text: string, name: string, type: FileKind): void {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), HELD_MS);
}

export function canShare(): boolean {
  const able: Partial<Navigator> = navigator; // older browsers share no files, or nothing at all
  return able.canShare?.({ files: [shared("{}", "mpoxlens.json")] }) ?? false;
}

/** True when it was shared or the person changed their mind; false when the device refused. */
export async function share(text: string, name: string): Promise<boolean> {
  return navigator.share({ files: [shared(text, name)] }).then(
    () => true,
    (error: unknown) => error instanceof DOMException && error.name === "AbortError",
  );
}

/** Systems share plain text more readily than JSON, which browsers do not let through. */
function shared(text: string, name: string): File {
  return new File([text], name.replace(/json$/, "txt"), { type: "text/plain" });
}
