"use strict";

// The page's data: base64 of deflated JSON in blocks of their own, each unpacked once, when
// it is wanted. Nothing in it is ever markup: it reaches the page as text alone.

const byId = (id) => document.getElementById(id);
const unpacked = new Map();

function unpack(id) {
  if (!unpacked.has(id)) unpacked.set(id, read(id));
  return unpacked.get(id);
}

async function read(id) {
  const bytes = Uint8Array.from(atob(byId(id).textContent.trim()), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).json();
}

// A new element with a class and text in it.
function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.append(...visible(text));
  return made;
}

// Characters that hide or turn what stands around them are shown by their code points.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/u;

function visible(text) {
  const parts = [];
  for (const piece of String(text).split(new RegExp(`(${HIDDEN.source})`, "u"))) {
    if (piece === "") continue;
    if (!HIDDEN.test(piece)) {
      parts.push(piece);
      continue;
    }
    const shown = document.createElement("span");
    shown.className = "hidden-mark";
    const code = piece.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
    shown.textContent = `U+${code}`;
    parts.push(shown);
  }
  return parts;
}

// Text of a model or of data: it keeps its direction to itself.
function foreign(name, className, text) {
  const made = element(name, `plain ${className || ""}`.trim(), text);
  made.dir = "auto";
  return made;
}
