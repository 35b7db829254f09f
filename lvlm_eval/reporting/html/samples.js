// Which questions of a task are shown, in which order. Works on the task's index alone; only a
// search reads the texts.

const STATES = {
  right: "✓ right", wrong: "✗ wrong", partly: "◐ partly right", marked: "marked",
  failed: "! failed", unjudged: "not judged", absent: "not asked",
};

const markOf = (task, run, place) => task.marks[task.codes[run][place]];
const differ = (task, a, b, place) => task.codes[a][place] !== task.codes[b][place];

// The two runs with the most right answers; the same one twice where there is only one.
function bestTwo(task) {
  const right = task.marks.map((mark) => mark.state === "right");
  const counts = task.codes.map((codes) => codes.filter((code) => right[code]).length);
  const order = counts.map((count, run) => run).sort((a, b) => counts[b] - counts[a] || a - b);
  return [order[0], order[Math.min(1, order.length - 1)]];
}

// The places of the questions that the filters leave, flips first where that is wanted.
async function choose(task, wanted) {
  const needle = wanted.search.trim().toLowerCase();
  const texts = needle ? await allTexts(task) : null;
  const kept = [];
  for (let place = 0; place < task.ids.length; place++) {
    if (fits(task, wanted, place) && (!needle || mentions(task, texts[place], place, needle))) {
      kept.push(place);
    }
  }
  if (wanted.order === "data" || wanted.first === wanted.second) return kept;
  const flipped = kept.filter((place) => differ(task, wanted.first, wanted.second, place));
  if (wanted.order === "only") return flipped;
  return [...flipped, ...kept.filter((p) => !differ(task, wanted.first, wanted.second, p))];
}

function fits(task, wanted, place) {
  const mark = markOf(task, wanted.first, place);
  if (wanted.state === "unparsed" && !mark.unparsed) return false;
  if (wanted.state && wanted.state !== "unparsed" && mark.state !== wanted.state) return false;
  if (!wanted.group) return true;
  const [axis, row] = wanted.group;
  return task.groups[task.group[place]][axis] === row;
}

function mentions(task, texts, place, needle) {
  const [question, target, , answers] = texts;
  const said = answers.flatMap(([text, answer]) => [text, answer]);
  return [task.ids[place], question, target, ...said].some(
    (text) => text !== null && text !== undefined && String(text).toLowerCase().includes(needle),
  );
}

async function allTexts(task) {
  const count = Math.ceil(task.ids.length / task.chunk);
  const chunks = await Promise.all([...Array(count).keys()].map((n) => unpack(`${task.id}-${n}`)));
  return chunks.flat();
}

async function textsOf(task, place) {
  const chunk = await unpack(`${task.id}-${Math.floor(place / task.chunk)}`);
  return chunk[place % task.chunk];
}

// The rows of every axis that the questions are broken down by, sorted.
function axesOf(task) {
  const axes = new Map();
  for (const groups of task.groups) {
    for (const [axis, row] of Object.entries(groups)) {
      if (!axes.has(axis)) axes.set(axis, new Set());
      axes.get(axis).add(row);
    }
  }
  return [...axes].map(([axis, rows]) => [axis, [...rows].sort()]);
}

async function pictureOf(number) {
  const size = Number(byId("thumbs-size").textContent);
  const block = await unpack(`thumbs-${Math.floor(number / size)}`);
  return block[number % size];
}
