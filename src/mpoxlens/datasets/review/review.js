// Keys, state and the talk with the server. What is shown is always what the server answered last.

import * as dialogs from "./dialogs.js";
import { $, buttons, element, header, item, mark, said } from "./show.js";

const HELP = [
  ["Enter", "keep what is not decided yet, and go on"], ["K", "keep"], ["D", "drop, then the letter of the reason"],
  ["R", "relabel, then the number of the label"], ["F", "flags"], ["S", "split: not the same photograph as the others"],
  ["G", "group the ticked ones: one person or scene"], ["H", "hide a face"], ["O", "look closely, or lay one upon another"],
  ["← →", "another photograph of this group"], ["Space", "tick"], ["A", "tick all, or none"], ["U", "undo"],
  ["Shift+U", "do again"], ["N P", "next, previous"], ["J", "next that is not decided"], ["/", "choose kind and label"], ["?", "this help"],
];

let start, view, current = null, ticked = new Set(), talk = Promise.resolve();

const photographs = () => view.item ? view.item.photographs : [];
const one = () => photographs().find((x) => x.sha256 === current);
const chosen = () => photographs().map((x) => x.sha256).filter((sha) => ticked.has(sha) || (!ticked.size && sha === current));

async function ask(path, body) {
  const given = body ? { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) } : {};
  const answer = await fetch(path, given).catch(() => null);
  if (!answer) throw { error: "The review was ended on this machine; start it again to go on. Nothing was lost." };
  const got = await answer.json().catch(() => ({ error: `The server answered ${answer.status}` }));
  if (!answer.ok) throw got;
  return got;
}

// Requests run one after another; what fails is told, and the page stays as it is. Returns whether it went well.
function go(request, text = "") {
  const mine = talk.then(async () => {
    try {
      show(await request(), text);
      return true;
    } catch (error) {
      if (!error.error) throw error;
      await tell(error);
      return false;
    }
  });
  talk = mine.catch(() => {});
  return mine;
}

async function tell(error) {
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  if (error.changed === "page") show(await ask(address()), "");
  const again = element("button", { type: "button", onclick: () => go(() => ask("reload", place()), "Read again") }, "Read the file again");
  $("notice").replaceChildren(error.error, error.changed === "file" ? again : "");
  $("notice").hidden = false;
}

const place = () => ({ kind: view.kind, label: view.label, at: view.at });
const address = (more = {}) => `view?${new URLSearchParams({ ...place(), ...more })}`;

function show(got, text) {
  const same = view?.item && got.item && view.item.number === got.item.number;
  view = got;
  history.replaceState(null, "", `${location.pathname}#${new URLSearchParams(place())}`);
  $("notice").hidden = true;
  if (!same) {
    ticked = new Set();
    window.scrollTo(0, 0);
  }
  if (!photographs().some((x) => x.sha256 === current)) current = photographs()[0]?.sha256 ?? null;
  header(start, view);
  item(view, start.meanings, { tick, choose, remove, closely });
  buttons(view, ...[actions(), steps()].map((all) => all.map(([key, name, run, more]) => [key, name, () => later(run), more])));
  mark(current, ticked, !document.querySelector("dialog[open]") && !document.activeElement?.closest("#filters"));
  $("said").textContent = text || (one() ? said(one().verdict) : "");
}

function actions() {
  const none = { disabled: !view.item };
  const group = { disabled: photographs().length < 2 };
  const open = photographs().filter((x) => !x.verdict);
  const labels = [...new Set(open.map((x) => x.label))].join(", ");
  const enter = open.length ? `Keep ${open.length > 1 ? `${open.length} ` : ""}as ${labels}, next` : "Next";
  return [
    ["Enter", enter, accept, { ...none, class: "main" }], ["K", "Keep", keep, none], ["D", "Drop", drop, none],
    ["R", "Relabel", relabel, none], ["F", "Flag", flag, none], ["S", "Split", split, group], ["G", "Group", join, group],
    ["H", "Hide", hide, none], ["O", photographs().length > 1 ? "Compare" : "Look closely", closely, none],
    ["U", "Undo", undo, { disabled: !view.undo }], ["⇧U", "Redo", redo, { disabled: !view.redo }],
  ];
}

const steps = () => [
  ["P", "Previous", () => step(-1), { disabled: view.at === 0 }], ["N", "Next", () => step(1), { disabled: view.at + 1 >= view.of }],
  ["J", "Next undecided", seek, { disabled: view.decided === view.of }], ["?", "Keys", () => dialogs.help(HELP, start.meanings)],
];

async function act(what, text) {
  const well = await go(
    () => ask("act", { revision: view.revision, item: view.item?.number, photographs: chosen(), ...place(), ...what }), text);
  if (well && what.do !== "flag") {
    ticked = new Set();
    mark(current, ticked, false);
  }
  return well;
}

const step = (by) => go(() => ask(address({ at: Math.max(0, Math.min(view.at + by, view.of - 1)) })));
const seek = () => go(() => ask(address({ seek: 1 })));
const undo = () => act({ do: "undo" }, "Undone");
const redo = () => act({ do: "redo" }, "Done again");
const keep = () => act({ do: "keep" }, "Kept");
const split = () => act({ do: "apart" }, "Split from the others");
const join = () => act({ do: "group" }, "Grouped");
const remove = (sha, line) => act({ do: "remove", photographs: [sha], ...line }, "Taken away");
const closely = () => one() && dialogs.closely(one(), photographs());

async function accept() {
  if (!view.item) return;
  const open = photographs().some((x) => !x.verdict);
  if (open && !await act({ do: "accept" }, "Kept")) return;
  await (view.at + 1 < view.of ? step(1) : seek());
}

function drop() {
  const options = Object.entries(start.reasons).map(([key, text]) => ({ key, text, value: text }));
  const take = (reason) => later(() => act({ do: "drop", reason }, `Dropped: ${reason}`));
  dialogs.choose("Drop, because of", options, take, "Another reason");
}

function relabel() {
  const take = (value) => later(() => act({ do: "relabel", value }, `Relabelled ${value}`));
  dialogs.choose("The right label", dialogs.numbered(start.labels), take, "Another label");
}

function flag() {
  const flags = (x) => x.lines.filter((line) => line.action === "flag").map((line) => line.reason);
  const about = () => photographs().filter((x) => chosen().includes(x.sha256));
  const having = (name) => about().every((x) => flags(x).includes(name));
  const options = () => dialogs.numbered([...new Set([...start.flags, ...photographs().flatMap(flags)])], having);
  const take = (reason) => later(() => act({ do: "flag", reason }, `Flag ${reason}`));
  dialogs.choose("Flags", options(), take, "Another flag", options);
}

function hide() {
  const sha = current;
  const found = () => photographs().find((x) => x.sha256 === sha);
  dialogs.hide(one(), async (boxes) => await act({ do: "hide", photographs: [sha], boxes }, "Hidden") ? found() : null,
    async (line) => await remove(sha, line) ? found() : null);
}

function tick(sha) {
  if (!ticked.delete(sha)) ticked.add(sha);
  mark(current, ticked, false);
}

function tickAll() {
  ticked = new Set(ticked.size ? [] : photographs().map((x) => x.sha256));
  mark(current, ticked, false);
}

function choose(sha) {
  current = sha;
  mark(current, ticked, false);
}

function another(by) {
  const all = photographs().map((x) => x.sha256);
  current = all[(all.indexOf(current) + by + all.length) % all.length];
  mark(current, ticked, true);
}

const KEYS = {
  Enter: accept, k: keep, d: drop, r: relabel, f: flag, s: split, g: join, h: hide, o: closely, u: undo, U: redo,
  n: () => step(1), p: () => step(-1), j: seek, a: tickAll, " ": () => tick(current), ArrowRight: () => another(1),
  ArrowLeft: () => another(-1), "/": () => $("kind").focus(), "?": () => dialogs.help(HELP, start.meanings),
};
const ANYWHERE = new Set(["n", "p", "j", "/", "?", "u", "U"]);

// What is asked for faster than the server answers waits for its turn, so that it finds the page as it then is.
let turn = Promise.resolve(), waiting = 0;

function later(run) {
  waiting += 1;
  turn = turn.then(run).catch((error) => { console.error(error); }).finally(() => { waiting -= 1; });
  return turn;
}

async function press(key, run) {
  const open = document.querySelector("dialog[open]");
  if (open) open.dispatchEvent(new KeyboardEvent("keydown", { key, cancelable: true }));
  else if (view.item || ANYWHERE.has(key)) await run();
}

document.addEventListener("keydown", (event) => {
  const run = KEYS[event.key] ?? KEYS[event.key.toLowerCase()];
  if (!run || !view || !dialogs.plain(event) || document.querySelector("dialog[open]")) return;
  if (event.target.closest("input:not([type=checkbox]), select, textarea")) return;
  if ([" ", "Enter"].includes(event.key) && event.target.closest("button, a, summary, input")) return;
  event.preventDefault();
  if (event.repeat && waiting) return;
  later(() => press(event.key, run));
});

for (const dialog of document.querySelectorAll("dialog")) {
  dialog.addEventListener("close", () => mark(current, ticked, true));
}

for (const name of ["kind", "label"]) {
  $(name).addEventListener("change", async () => {
    await go(() => ask(`view?${new URLSearchParams({ kind: $("kind").value, label: $("label").value, at: 0 })}`));
    document.activeElement.blur();
    mark(current, ticked, true);
  });
}
$("filters").addEventListener("submit", (event) => event.preventDefault());

async function open() {
  const kept = new URLSearchParams(location.hash.slice(1));
  start = await ask("start");
  await go(() => ask(kept.has("at") ? `view?${kept}` : "view?seek=1"));
}
open().catch((error) => { if (!error.error) throw error; tell(error); });
