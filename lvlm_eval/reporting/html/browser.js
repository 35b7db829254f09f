// The list of questions, of which only those in sight exist, and the chosen one in full.

const ROW = 92; // pixels, as the style has it
const SPARE = 6; // rows drawn above and below what is in sight
const state = { task: null, places: [], chosen: 0, turn: 0 };
const drawn = new Map(); // position in the list to its row
const list = byId("list");
const selects = ["task", "group", "first", "second", "state", "order"].map(byId);

function wanted() {
  const group = byId("group").value;
  return {
    group: group ? JSON.parse(group) : null,
    first: Number(byId("first").value),
    second: Number(byId("second").value),
    state: byId("state").value,
    order: byId("order").value,
    search: byId("search").value,
  };
}

async function openTask() {
  const id = byId("task").value;
  const index = await unpack(id);
  if (byId("task").value !== id) return;
  state.task = { ...index, id };
  fill(byId("first"), index.runs.map((name, n) => [String(n), name]));
  fill(byId("second"), index.runs.map((name, n) => [String(n), name]));
  const [first, second] = bestTwo(state.task);
  byId("first").value = String(first);
  byId("second").value = String(second);
  fillGroups();
  const there = new Set(index.marks.map((mark) => mark.state));
  const states = Object.entries(STATES).filter(([name]) => there.has(name));
  if (index.marks.some((mark) => mark.unparsed)) states.push(["unparsed", "? unreadable"]);
  fill(byId("state"), [["", "anything"], ...states]);
  await apply();
}

function fill(select, options) {
  select.replaceChildren(...options.map(([value, text]) => option(value, text)));
}

function option(value, text) {
  const made = document.createElement("option");
  made.value = value;
  made.textContent = text;
  return made;
}

function fillGroups() {
  const parts = [option("", "all")];
  for (const [axis, rows] of axesOf(state.task)) {
    const group = document.createElement("optgroup");
    group.label = axis;
    group.append(...rows.map((row) => option(JSON.stringify([axis, row]), row)));
    parts.push(group);
  }
  byId("group").replaceChildren(...parts);
}

async function apply() {
  const turn = ++state.turn;
  const places = await choose(state.task, wanted());
  if (turn !== state.turn) return; // something else was chosen meanwhile
  state.places = places;
  state.chosen = 0;
  const { first, second } = wanted();
  const flips = first === second ? 0
    : places.filter((place) => differ(state.task, first, second, place)).length;
  const of = `${places.length.toLocaleString("en")} of ${state.task.ids.length.toLocaleString("en")}`;
  byId("count").textContent = first === second ? of : `${of}, ${flips.toLocaleString("en")} differ`;
  byId("spacer").style.height = `${places.length * ROW}px`;
  list.scrollTop = 0;
  redraw();
  show();
}

function redraw() {
  for (const row of drawn.values()) row.remove();
  drawn.clear();
  draw();
}

// Makes the rows that came into sight and drops those that left it.
function draw() {
  const from = Math.max(0, Math.floor(list.scrollTop / ROW) - SPARE);
  const seen = Math.ceil(list.clientHeight / ROW) + 2 * SPARE;
  const to = Math.min(state.places.length, from + seen);
  for (const [position, row] of drawn) {
    if (position >= from && position < to) continue;
    row.remove();
    drawn.delete(position);
  }
  for (let position = from; position < to; position++) {
    if (!drawn.has(position)) drawn.set(position, makeRow(position));
  }
}

function makeRow(position) {
  const row = element("div", "row");
  row.id = `row-${position}`;
  row.setAttribute("role", "option");
  row.setAttribute("aria-posinset", position + 1);
  row.setAttribute("aria-setsize", state.places.length);
  row.setAttribute("aria-selected", position === state.chosen);
  row.style.transform = `translateY(${position * ROW}px)`;
  row.addEventListener("click", () => select(position));
  list.append(row);
  fillRow(row, state.places[position]);
  return row;
}

async function fillRow(row, place) {
  const { task } = state;
  const { first, second } = wanted();
  const [question, target, , answers] = await textsOf(task, place);
  if (!row.isConnected) return;
  const body = element("div", "line");
  body.append(foreign("div", "line asked", question ?? task.ids[place]));
  const about = element("div", "line id");
  if (question !== null) about.append(foreign("span", "", task.ids[place]), " · ");
  about.append("target ", foreign("span", "", target ?? "not known"));
  const pair = element("div", first === second ? "pair one" : "pair");
  for (const run of first === second ? [first] : [first, second]) {
    const line = element("div", "line");
    line.append(badge(markOf(task, run, place)), foreign("span", "", saidBy(answers[run])));
    pair.append(line);
  }
  body.append(about, pair);
  const pictures = task.pictures ? task.pictures[place] : null;
  row.classList.toggle("bare", !pictures);
  row.replaceChildren(...(pictures ? [await thumbnail(pictures[0])] : []), body);
}

// The text as the model wrote it, or why there is none.
function saidBy([text, , , end]) {
  return text === null ? "" : text || (end === "stop" || end === "length" ? "(empty)" : end);
}

function badge(mark) {
  const name = mark.unparsed ? "unparsed" : mark.state;
  const scores = Object.entries(mark.values).map(([key, value]) => `${key} ${value}`).join(", ");
  const made = element("span", `mark ${name}`, mark.unparsed ? "? unreadable" : STATES[name]);
  made.title = scores;
  return made;
}

async function thumbnail(number) {
  if (number === undefined) return element("div", "none");
  const image = new Image();
  image.alt = "";
  image.addEventListener("load", () => image.classList.toggle("tiny", image.naturalWidth < 100));
  image.src = await pictureOf(number);
  return image;
}

function select(position) {
  if (!state.places.length) return;
  const kept = Math.max(0, Math.min(state.places.length - 1, position));
  drawn.get(state.chosen)?.setAttribute("aria-selected", "false");
  state.chosen = kept;
  const top = kept * ROW;
  if (top < list.scrollTop) list.scrollTop = top;
  if (top + ROW > list.scrollTop + list.clientHeight) list.scrollTop = top + ROW - list.clientHeight;
  draw();
  drawn.get(kept)?.setAttribute("aria-selected", "true");
  show();
}

// The chosen question in full: pictures, prompt, target, every run's answer.
async function show() {
  const { task, places, chosen, turn } = state;
  const detail = byId("detail");
  if (!places.length) {
    list.removeAttribute("aria-activedescendant");
    detail.replaceChildren(element("p", "hint", "No question fits these filters."));
    return;
  }
  list.setAttribute("aria-activedescendant", `row-${chosen}`);
  const place = places[chosen];
  const [question, target, cluster, answers] = await textsOf(task, place);
  const pictures = await Promise.all((task.pictures?.[place] ?? []).map(thumbnail));
  if (chosen !== state.chosen || turn !== state.turn) return;
  const shown = element("div", "pictures");
  shown.append(...pictures);
  const facts = element("dl");
  const groups = Object.entries(task.groups[task.group[place]]);
  const told = [["target", target ?? "not known"], ["id", task.ids[place]], ...groups];
  if (cluster && cluster !== task.ids[place]) told.push(["cluster", cluster]);
  for (const [name, text] of told) facts.append(foreign("dt", "", name), foreign("dd", "", text));
  const cards = element("div", "answers");
  cards.append(...answers.map((answer, run) => card(task, run, place, answer)));
  detail.replaceChildren(shown, foreign("h3", "", question ?? task.ids[place]), facts, cards);
  detail.scrollTop = 0;
}

function card(task, run, place, answer) {
  const [text, readAs, how, end] = answer;
  const made = element("section", "answer");
  const mark = markOf(task, run, place);
  made.append(foreign("h4", "", task.runs[run]), badge(mark));
  if (text !== null) made.append(foreign("p", "", saidBy(answer)));
  const notes = [];
  if (readAs !== null) notes.push(`read as “${readAs}”${how ? ` (${how})` : ""}`);
  if (end === "length") notes.push("cut off at the limit of tokens");
  const scores = Object.entries(mark.values).map(([name, value]) => `${name} ${Number(value.toFixed(4))}`);
  if (scores.length) notes.push(scores.join(", "));
  made.append(...notes.map((note) => foreign("p", "how", note)));
  return made;
}

const MOVES = {
  ArrowDown: () => 1, j: () => 1, ArrowUp: () => -1, k: () => -1,
  PageDown: () => Math.floor(list.clientHeight / ROW), PageUp: () => -Math.floor(list.clientHeight / ROW),
  Home: () => -Infinity, End: () => Infinity,
};

list.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Enter") byId("detail").focus();
  else if (Object.hasOwn(MOVES, event.key)) select(state.chosen + MOVES[event.key]());
  else return;
  event.preventDefault();
});
byId("detail").addEventListener("keydown", (event) => {
  if (event.key === "Escape") list.focus();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target.matches("input, select")) return;
  event.preventDefault();
  byId("search").focus();
});

let waiting = false;
list.addEventListener("scroll", () => {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; draw(); });
});
addEventListener("resize", draw);
byId("filters").addEventListener("submit", (event) => event.preventDefault());
for (const filter of selects) {
  filter.addEventListener("change", filter.id === "task" ? openTask : apply);
}
let typing = 0;
byId("search").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(apply, 150);
});
if (byId("task").value) openTask();
