/** The screen on which a person chooses what to take along, and in which form. */

import { useState } from "preact/hooks";

import type { Words } from "../i18n";
import { useFocusOnTitle } from "../ui/focus";
import { CodeView } from "./codeView";
import { toBundle } from "./fhir";
import { canShare, type FileKind, save, share } from "./files";
import { HandOver } from "./handoverView";
import { ClinicianView } from "./print";
import { type CaseRecord, fileName, recordText, withoutSensitive } from "./record";
import "./takeaway.css";

export interface TakeAlongProps {
  readonly record: CaseRecord; // with all answers, and the photos
  readonly words: Words;
}

export function TakeAlong({ record, words }: TakeAlongProps) {
  const [sensitive, setSensitive] = useState(false);
  const [photos, setPhotos] = useState(false);
  const [showing, setShowing] = useState(false);
  useFocusOnTitle(showing);
  const { t } = words;
  const chosen = choose(record, sensitive, photos);
  if (showing) return <ClinicianView record={chosen} words={words} onBack={() => setShowing(false)} />;
  return (
    <div class="take-along">
      <h1 tabIndex={-1}>{t("takeaway.title")}</h1>
      <p>{t("takeaway.lead")}</p>
      <div class="card" role="group" aria-labelledby="takeaway-without">
        <p id="takeaway-without">{t("takeaway.without")}</p>
        <Tick label={t("takeaway.with_sensitive")} on={sensitive} set={setSensitive} />
        {record.photos.length > 0 && <Tick label={t("takeaway.with_photo")} on={photos} set={setPhotos} />}
      </div>
      <button type="button" onClick={() => setShowing(true)}>{t("takeaway.show")}</button>
      <Files record={chosen} words={words} />
      <CodeView record={chosen} words={words} />
      <HandOver record={chosen} words={words} />
    </div>
  );
}

/** What leaves with the person: private answers and the photos only where they were ticked. */
export function choose(record: CaseRecord, sensitive: boolean, photos: boolean): CaseRecord {
  const info = sensitive ? record.info : withoutSensitive(record.info);
  return { ...record, info, photos: photos ? record.photos : [] };
}

function Tick({ label, on, set }: { readonly label: string; readonly on: boolean; readonly set: (on: boolean) => void }) {
  return (
    <label class="takeaway-tick">
      <input type="checkbox" checked={on} onChange={(event) => set(event.currentTarget.checked)} /> {label}
    </label>
  );
}

function Files({ record, words }: TakeAlongProps) {
  const [said, setSaid] = useState("");
  const { t } = words;
  const keep = (text: string, ending: string, type: FileKind) => {
    const file = fileName(record.made, ending);
    save(text, file, type);
    setSaid(t("takeaway.saved", { file }));
  };
  const pass = async () => {
    const shared = await share(recordText(record), fileName(record.made, "json"));
    setSaid(shared ? "" : t("takeaway.sharing_failed"));
  };
  const fhir = () => `${JSON.stringify(toBundle(record), null, 1)}\n`;
  return (
    <div class="takeaway-buttons">
      <button type="button" onClick={() => keep(recordText(record), "json", "application/json")}>{t("takeaway.json")}</button>
      <button type="button" onClick={() => keep(fhir(), "fhir.json", "application/fhir+json")}>{t("takeaway.fhir")}</button>
      {canShare() && <button type="button" onClick={() => void pass()}>{t("takeaway.share")}</button>}
      <p role="status">{said}</p>
    </div>
  );
}
