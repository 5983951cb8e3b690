
// The rows on show as files and on the clipboard.

/** A spreadsheet runs a cell that starts like this as a formula; the log of a stranger must not. */
const FORMULA = /^[=+\-@\t\r]/;

function csvCell(column, value) {
  if (value === null) return '';
  if (column.kind === 'integer') return String(value);
  let text = column.kind === 'time' ? isoTime(value) : value;
  if (FORMULA.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function isoTime(milliseconds) {
  const time = new Date(milliseconds);
  return Number.isNaN(time.getTime()) ? String(milliseconds) : time.toISOString();
}

function toCsv(columns, rows) {
  const lines = [columns.map((column) => column.name).join(',')];
  for (const row of rows) lines.push(columns.map((column) => csvCell(column, column.value(row))).join(','));
  return `${lines.join('\r\n')}\r\n`;
}

function rowObject(columns, row) {
  return Object.fromEntries(columns.map((column) => {
    const value = column.value(row);
    return [column.name, value !== null && column.kind === 'time' ? isoTime(value) : value];
  }));
}

function toJson(columns, rows) {
  return `[\n${Array.from(rows, (row) => JSON.stringify(rowObject(columns, row))).join(',\n')}\n]\n`;
}

/** Hands a text to the browser as a file to save. */
function save(name, type, text) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const anchor = element('a', { href: address, download: name });
  document.body.append(anchor);
  anchor.click();
  anchor.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

/** Copies a text; says so on the button that asked. */
async function copy(text, button) {
  let done = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Pages from a folder may not use the clipboard directly; a selection still works.
    const area = element('textarea', { class: 'hidden', 'aria-hidden': 'true' });
    area.value = text;
    document.body.append(area);
    area.select();
    done = document.execCommand('copy');
    area.remove();
    button?.focus();
  }
  if (!button) return;
  button.dataset.label ??= button.textContent;
  button.textContent = done ? 'Copied' : 'Cannot copy';
  clearTimeout(button.timer);
  button.timer = setTimeout(() => { button.textContent = button.dataset.label; }, 1500);
}

/** An element with attributes and children; children that are texts stay texts, whatever they contain. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') made.addEventListener(name, value);
    else if (value === true) made.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** A symbol of the page by its name. */
function symbol(name) {
  const made = document.getElementById('symbol-template').content.firstElementChild.cloneNode(true);
  made.firstElementChild.setAttribute('href', `#symbol-${name}`);
  return made;
}

/** A verdict as symbol and words. A verdict that this page does not know has no symbol. */
function badge(findings, value) {
  const known = findings.verdicts.some((verdict) => verdict.value === value);
  const made = element('span', { class: `badge ${known ? value : 'information'}` });
  if (known) made.append(symbol(value));
  made.append(findings.verdictLabel(value));
  return made;
}
