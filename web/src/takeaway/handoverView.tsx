/** Locking a record for a remote expert: opened by the person, refused without a key, saved and never sent. */

import { useState } from "preact/hooks";

import type { Key } from "../i18n";
import { save } from "./files";
import { type ExpertKey, lock, readKey } from "./handover";
import { fileName, recordText } from "./record";
import type { TakeAlongProps } from "./takeAlong";

export function HandOver({ record, words }: TakeAlongProps) {
  const [typed, setTyped] = useState("");
  const [said, setSaid] = useState("");
  const { t } = words;
  const make = async () => {
    const key = await readKey(typed);
    if (key === null) {
      setSaid(t(refusal(typed)));
      return;
    }
    const file = fileName(record.made, "locked.json");
    save(JSON.stringify(await lock(recordText(record), key)), file, "application/json");
    setSaid(`${t("takeaway.saved", { file })} ${t("takeaway.handover.fingerprint", { end: grouped(key) })}`);
  };
  return (
    <details class="hand-over">
      <summary>{t("takeaway.handover.title")}</summary>
      <p>{t("takeaway.handover.lead")}</p>
      <label for="expert-key">{t("takeaway.handover.key")}</label>
      <p id="expert-key-help">{t("takeaway.handover.key_help")}</p>
      <textarea
        id="expert-key" dir="ltr" rows={4} autocomplete="off" spellcheck={false} aria-describedby="expert-key-help"
        value={typed} onInput={(event) => setTyped(event.currentTarget.value)}
      />
      <button type="button" onClick={() => void make()}>{t("takeaway.handover.make")}</button>
      <p role="status">{said}</p>
    </details>
  );
}

export function refusal(typed: string): Key {
  return typed.trim() === "" ? "takeaway.handover.no_key" : "takeaway.handover.bad_key";
}

/** Four signs at a time are easier to compare by phone. */
export function grouped(key: ExpertKey): string {
  return key.fingerprint.replace(/(....)(?=.)/g, "$1 ");
}
