// One case at a time. What is shown is what the server answered last; every answer is sent at once, one after another.

const $ = (id) => document.getElementById(id);
const FINISHED = "All sessions are read. Thank you. Nothing more is needed here.";
const NEAR = 0.003; // shares of the photograph; points nearer than that are one
const CLOSES = 0.02; // a click this near to a polygon's first point closes it

let view, choices = {}, shapes = [], undone = [], talk = Promise.resolve();
let since = 0, before = 0, stopped = null; // the clock: it stops with the last needed answer
let leaving = false; // this case is kept and the next one not here yet: keys are for neither

const reading = () => view?.reading;
const complete = () => reading().questions.every((one) => choices[one.name]);
const drawing = () => $("stage").classList.contains("drawing");
const pen = () => document.querySelector("[data-pen][aria-pressed=true]").dataset.pen;

function element(name, given = {}, ...children) {
  const made = Object.assign(document.createElement(name), given);
  made.append(...children);
  return made;
}

async function ask(path, body) {
  const given = body ? { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) } : {};
  const answer = await fetch(path, given).catch(() => null);
  if (!answer) throw { error: "The page was ended on this machine; start it again to go on. What was answered is kept." };
  const got = await answer.json().catch(() => ({ error: `The server answered ${answer.status}` }));
  if (!answer.ok) throw got;
  return got;
}

function go(request, then) {
  const mine = talk.then(request).then((got) => { $("notice").hidden = true; then(got); }).catch((error) => {
    leaving = false;
    if (!error.error) throw error;
    $("notice").textContent = error.error;
    $("notice").hidden = false;
  });
  talk = mine.catch(() => {});
}

function save(done = false) {
  leaving = done;
  if (complete() && stopped === null) stopped = before + (performance.now() - since) / 1000;
  const seconds = stopped ?? before + (performance.now() - since) / 1000;
  const body = { session: view.session, at: view.at, answer: { choices: { ...choices }, drawing: [...shapes], seconds, done } };
  go(() => ask("answer", body), (got) => {
    if (done) show(got);
    $("said").textContent = done ? "Kept" : "Saved";
  });
}

function show(got) {
  [view, leaving] = [got, false];
  const one = reading();
  $("who").textContent = `reader ${view.reader}`;
  $("reading").hidden = !one;
  $("score").hidden = !one?.score;
  pen_down(false);
  if (!one) {
    $("count").textContent = `${view.session - 1} of ${view.sessions} sessions`;
    $("bar").value = $("bar").max = 1;
    $("title").textContent = view.state === "finished" ? FINISHED
      : `Session ${view.session} of ${view.sessions} opens on ${view.opens}. Until then, forget these cases.`;
    document.title = "Reading study";
  } else {
    $("count").textContent = `Session ${view.session} of ${view.sessions}: ${view.done} of ${view.of} read`;
    [$("bar").max, $("bar").value] = [view.of, view.done];
    $("title").textContent = `Case ${view.at + 1} of ${view.of}, ${one.map ? "with map and score" : "photograph alone"}`;
    document.title = `${view.at + 1} of ${view.of} · Reading study`;
    look(one);
    questions(one);
  }
  $("title").focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

function look(one) {
  [choices, shapes, undone] = [{ ...one.answer.choices }, [...one.answer.drawing], []];
  [since, before, stopped] = [performance.now(), one.answer.seconds, one.answer.done ? one.answer.seconds : null];
  $("stage").style.setProperty("--ratio", one.width / one.height);
  $("photo").alt = `Photograph of case ${view.at + 1}`;
  $("photo").onload = () => { if (stopped === null) since = performance.now(); };
  $("photo").src = one.photo;
  $("map").hidden = $("map-tools").hidden = !one.map;
  $("draw-tools").hidden = Boolean(one.map);
  if (one.map) {
    $("map").src = one.map;
    $("map").alt = "Map of what speaks for and against mpox";
    $("map-toggle").setAttribute("aria-pressed", "true");
    $("score").textContent = `Score: chance of mpox ${one.score}`;
  }
  [$("canvas").width, $("canvas").height] = [one.width, one.height];
  $("canvas").hidden = Boolean(one.map);
  paint();
}

function questions(one) {
  $("fields").replaceChildren(...one.questions.map((asked) => element("fieldset", { id: `q-${asked.name}` },
    element("legend", { textContent: asked.text }),
    ...asked.options.map((option, i) => element("label", {},
      element("input", { type: "radio", name: asked.name, value: option.value, checked: choices[asked.name] === option.value,
        onchange: () => choose(asked.name, option.value) }),
      option.text, element("kbd", { textContent: i + 1, ariaHidden: "true" }))))));
  marked();
}

// Number keys answer the open question that the focus is in, or else the first that is open; the one in focus when none is.
function marked() {
  const inside = document.activeElement?.closest?.("fieldset")?.id;
  const focused = reading().questions.find((asked) => `q-${asked.name}` === inside);
  const open = reading().questions.find((asked) => !choices[asked.name]);
  const found = focused && !choices[focused.name] ? focused : open ?? focused;
  for (const field of $("fields").children) field.classList.toggle("asked", field.id === `q-${found?.name}`);
  $("next").disabled = !complete();
  $("back").disabled = view.at === 0;
  return found;
}

function choose(name, value) {
  choices[name] = value;
  const input = document.querySelector(`input[name="${name}"][value="${value}"]`);
  input.checked = true;
  save();
  marked();
}

function key_answers(number) {
  const asked = marked(), option = asked?.options[number - 1];
  if (!option) return;
  if (document.activeElement?.closest("fieldset")) $("title").focus({ preventScroll: true });
  choose(asked.name, option.value);
}

function toggle_map() {
  $("map").hidden = !$("map").hidden;
  $("map-toggle").setAttribute("aria-pressed", String(!$("map").hidden));
}

// Drawing. A shape is an area or a brush's stroke; points are shares of the photograph's sides.
let open = null, cross = [0.5, 0.5], pressed = false;

function pen_down(on) {
  if (on === drawing()) return;
  open = null;
  if (!on && document.activeElement === $("canvas")) $("title").focus({ preventScroll: true });
  $("stage").classList.toggle("drawing", on);
  $("pens").hidden = !on;
  $("draw-toggle").setAttribute("aria-pressed", String(on));
  for (const [name, value] of [["role", "application"], ["tabindex", "0"], ["aria-label", "Drawing of the lesions"],
    ["aria-describedby", "pen-help"]]) on ? $("canvas").setAttribute(name, value) : $("canvas").removeAttribute(name);
  if (on) $("canvas").focus({ preventScroll: true });
  paint();
}

function begin(point) {
  const brush = pen() === "brush";
  open = { kind: brush ? "stroke" : "area", points: [point], radius: brush ? Number($("size").value) : 0 };
}

function add(point) {
  const last = open.points.at(-1);
  if (Math.hypot(point[0] - last[0], point[1] - last[1]) >= NEAR) open.points.push(point);
}

function close() {
  const shape = open;
  open = null;
  if (shape && shape.points.length >= (shape.kind === "area" ? 3 : 1)) {
    shapes.push(shape);
    undone = [];
    save();
  }
  paint();
}

function step(from, to) {
  if (open) open = null;
  else if (from.length) { to.push(from.pop()); save(); }
  paint();
}

function trace(pencil, shape, width, height) {
  pencil.beginPath();
  shape.points.forEach(([x, y], i) => pencil[i ? "lineTo" : "moveTo"](x * width, y * height));
  if (shape.kind === "stroke" && shape.points.length === 1) pencil.lineTo(shape.points[0][0] * width + 0.01, shape.points[0][1] * height);
}

function paint() {
  if (!reading()) return;
  const canvas = $("canvas"), pencil = canvas.getContext("2d"), { width, height } = canvas, side = Math.max(width, height);
  pencil.clearRect(0, 0, width, height);
  pencil.lineCap = pencil.lineJoin = "round";
  for (const shape of open ? [...shapes, open] : shapes) {
    trace(pencil, shape, width, height);
    if (shape.kind === "stroke") {
      Object.assign(pencil, { strokeStyle: "rgb(255 214 64 / .45)", lineWidth: 2 * shape.radius * side });
      pencil.stroke();
      continue;
    }
    if (shape !== open) { pencil.closePath(); pencil.fillStyle = "rgb(255 214 64 / .3)"; pencil.fill(); }
    for (const [colour, thick] of [["#1b2125", 0.007], ["#ffd640", 0.003]]) { // seen on every skin
      Object.assign(pencil, { strokeStyle: colour, lineWidth: thick * side });
      pencil.stroke();
    }
  }
  if (drawing() && document.activeElement === canvas) {
    trace(pencil, { points: [[cross[0] - 0.02, cross[1]], [cross[0] + 0.02, cross[1]]] }, width, height);
    pencil.moveTo(cross[0] * width, (cross[1] - 0.02) * height);
    pencil.lineTo(cross[0] * width, (cross[1] + 0.02) * height);
    for (const [colour, thick] of [["#1b2125", 0.006], ["#fff", 0.002]]) {
      Object.assign(pencil, { strokeStyle: colour, lineWidth: thick * side });
      pencil.stroke();
    }
  }
  $("drawn").textContent = shapes.length ? `${shapes.length} drawn` : "if you are willing";
  [$("undo").disabled, $("redo").disabled] = [!shapes.length && !open, !undone.length];
}

const place = (event) => {
  const frame = $("canvas").getBoundingClientRect();
  return [(event.clientX - frame.left) / frame.width, (event.clientY - frame.top) / frame.height].map(
    (share) => Math.min(Math.max(share, 0), 1));
};

$("canvas").onpointerdown = (event) => {
  if (!drawing() || event.button) return;
  $("canvas").setPointerCapture(event.pointerId);
  cross = place(event);
  if (pen() === "polygon" && open) {
    const [x, y] = open.points[0];
    if (open.points.length > 2 && Math.hypot(cross[0] - x, cross[1] - y) < CLOSES) return close();
    add(cross);
  } else begin(cross);
  pressed = pen() !== "polygon";
  paint();
};
$("canvas").onpointermove = (event) => {
  if (pressed && open) { add(cross = place(event)); paint(); }
};
$("canvas").onpointerup = $("canvas").onpointercancel = () => { if (pressed) { pressed = false; close(); } };
$("canvas").ondblclick = () => close();
$("canvas").onfocus = $("canvas").onblur = paint;

function key_draws(event) {
  const far = event.shiftKey ? 0.05 : 0.01;
  const move = { ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, -far], ArrowDown: [0, far] }[event.key];
  if (move) cross = cross.map((share, i) => Math.min(Math.max(share + move[i], 0), 1));
  else if (event.key === " " && pen() === "brush") { begin(cross); close(); }
  else if (event.key === " ") open ? add(cross) : begin(cross);
  else if (event.key === "Enter" && open) close();
  else if (event.key === "Escape" && open) open = null;
  else if (event.key === "Escape") pen_down(false);
  else return false;
  paint();
  return true;
}

function use(name) {
  open = null;
  for (const button of document.querySelectorAll("[data-pen]")) button.setAttribute("aria-pressed", String(button.dataset.pen === name));
  paint();
}

const LETTERS = {
  m: () => reading().map && toggle_map(), d: () => reading().map || pen_down(!drawing()), p: () => $("back").click(),
  f: () => drawing() && use("free"), g: () => drawing() && use("polygon"), b: () => drawing() && use("brush"),
  z: () => drawing() && step(shapes, undone), y: () => drawing() && step(undone, shapes),
};

document.addEventListener("keydown", (event) => {
  if (!reading() || leaving || event.ctrlKey || event.metaKey || event.altKey) return;
  const within = event.target, key = event.key.toLowerCase();
  if (within === $("canvas") && key_draws(event)) event.preventDefault();
  else if (event.key === "Enter" && !within.closest("button:focus-visible, a:focus-visible, canvas")) { event.preventDefault(); $("questions").requestSubmit(); }
  else if (!$("keys").checked || event.repeat) return;
  else if (/^[1-9]$/.test(key)) key_answers(Number(key));
  else if (LETTERS[key]) { event.preventDefault(); LETTERS[key](); }
});

$("fields").addEventListener("focusin", marked);
$("questions").onsubmit = (event) => { event.preventDefault(); if (complete() && !leaving) save(true); };
$("back").onclick = () => { const at = view.at - 1; if (at >= 0) go(() => ask(`view?at=${at}`), show); };
$("map-toggle").onclick = toggle_map;
$("draw-toggle").onclick = () => pen_down(!drawing());
$("undo").onclick = () => step(shapes, undone);
$("redo").onclick = () => step(undone, shapes);
for (const button of document.querySelectorAll("[data-pen]")) button.onclick = () => { use(button.dataset.pen); $("canvas").focus({ preventScroll: true }); };

go(() => ask("view"), show);
