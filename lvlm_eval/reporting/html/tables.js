// Tables sort by a click on a column's name: figures by value, the best first; words by name.

for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => sortBy(table, heads, column));
  });
}

function sortBy(table, heads, column) {
  const rows = [...table.tBodies[0].rows];
  const values = rows.map((row) => row.cells[column].dataset.value);
  const figures = values.some((value) => value !== undefined);
  const before = heads[column].getAttribute("aria-sort");
  const first = figures ? "descending" : "ascending";
  const other = figures ? "ascending" : "descending";
  const direction = before === first ? other : first;
  heads.forEach((head) => head.removeAttribute("aria-sort"));
  heads[column].setAttribute("aria-sort", direction);
  const sign = direction === "ascending" ? 1 : -1;
  const key = (row) => {
    const cell = row.cells[column];
    return figures ? Number(cell.dataset.value ?? NaN) : cell.textContent.trim();
  };
  rows.sort((a, b) => compareKeys(key(a), key(b), sign));
  table.tBodies[0].append(...rows);
}

// Rows without a figure stay last, whichever way the others stand.
function compareKeys(a, b, sign) {
  if (typeof a === "string") return sign * a.localeCompare(b);
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b);
  return sign * (a - b);
}

byId("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  root.dataset.theme = (root.dataset.theme || system) === "dark" ? "light" : "dark";
});
