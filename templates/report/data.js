
// The findings: unpacked once, kept as columns. A text column is a list of distinct texts and one code for each row (0 is
// null), so searching and sorting work on the distinct texts and rows are only looked up.

const LAYOUT = 1;

/** The bytes of a block of the page: two of 91 characters for 13 bits, lowest first. */
function readBlock(block) {
  const numberOf = new Uint8Array(128);
  let next = 0;
  for (let code = 33; code < 127; code++) if (!'<>&'.includes(String.fromCharCode(code))) numberOf[code] = next++;
  const text = block.textContent;
  const bytes = new Uint8Array(Number(block.dataset.bytes));
  let waiting = 0;
  let bits = 0;
  for (let i = 0, at = 0; at < bytes.length; i += 2) {
    waiting |= (numberOf[text.charCodeAt(i)] * 91 + numberOf[text.charCodeAt(i + 1)]) << bits;
    for (bits += 13; bits >= 8 && at < bytes.length; bits -= 8, waiting >>>= 8) bytes[at++] = waiting;
  }
  return bytes;
}

/** Unpacks a block of the page and forgets its text. */
async function unpack(id) {
  const block = document.getElementById(id);
  const stream = new Blob([readBlock(block)]).stream().pipeThrough(new DecompressionStream('gzip'));
  block.remove();
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Joins planes of bytes (all low bytes first) into numbers. */
function joinPlanes(bytes, offset, planes, length) {
  const numbers = planes <= 1 ? new Uint8Array(length) : planes === 2 ? new Uint16Array(length) : new Uint32Array(length);
  for (let plane = 0; plane < planes; plane++) {
    const start = offset + plane * length;
    const factor = 2 ** (8 * plane);
    for (let i = 0; i < length; i++) numbers[i] += bytes[start + i] * factor;
  }
  return numbers;
}

class TextColumn {
  constructor(spec, codes, entries) {
    Object.assign(this, spec);
    this.codes = codes;
    this.entries = entries;
  }
  /** The distinct texts; code n is the entry n - 1. */
  texts() {
    if (typeof this.entries === 'function') this.entries = this.entries();
    return this.entries;
  }
  value(row) {
    const code = this.codes[row];
    return code === 0 ? null : this.texts()[code - 1];
  }
  /** The distinct texts in lower case, index 0 for null. */
  lower() {
    this.lowered ??= ['', ...this.texts().map((text) => text.toLowerCase())];
    return this.lowered;
  }
  /** For each code: does the text contain the needle (in lower case)? Null contains nothing. */
  containing(needle) {
    const lower = this.lower();
    const hits = new Uint8Array(lower.length);
    let any = false;
    for (let code = 1; code < lower.length; code++) {
      if (lower[code].includes(needle)) {
        hits[code] = 1;
        any = true;
      }
    }
    return any ? hits : null;
  }
  /** A number for each row that sorts as the text does; null is NaN. */
  sortKeys() {
    if (!this.ranks) {
      const lower = this.lower();
      const order = Uint32Array.from({ length: lower.length - 1 }, (_, i) => i + 1);
      order.sort((a, b) => (lower[a] < lower[b] ? -1 : lower[a] > lower[b] ? 1 : a - b));
      this.ranks = new Float64Array(lower.length);
      this.ranks[0] = NaN;
      order.forEach((code, rank) => { this.ranks[code] = rank; });
    }
    return (row) => this.ranks[this.codes[row]];
  }
}

/** Sentences that quote other cells of their row. They become an ordinary text column when something but a cell is asked. */
class TemplateColumn extends TextColumn {
  constructor(spec, codes, { marker, texts }, columns) {
    super(spec, codes, null);
    this.templates = texts.map((template) => template.split(marker).map((part, i) => (i === 0
      ? { before: null, text: part }
      : { before: part.codePointAt(0) - 0x30, text: part.slice(1) })));
    this.columns = columns;
  }
  fill(row) {
    let text = '';
    for (const part of this.templates[this.codes[row] - 1]) {
      text += (part.before === null ? '' : this.columns[part.before].value(row)) + part.text;
    }
    return text;
  }
  value(row) {
    if (this.entries) return super.value(row);
    return this.codes[row] === 0 ? null : this.fill(row);
  }
  texts() {
    if (!this.entries) {
      const codeOf = new Map();
      const codes = new Uint32Array(this.codes.length);
      for (let row = 0; row < codes.length; row++) {
        if (this.codes[row] === 0) continue;
        const text = this.fill(row);
        let code = codeOf.get(text);
        if (code === undefined) codeOf.set(text, code = codeOf.size + 1);
        codes[row] = code;
      }
      this.codes = codes;
      this.entries = [...codeOf.keys()];
    }
    return this.entries;
  }
}

class NumberColumn {
  constructor(spec, values) {
    Object.assign(this, spec);
    this.values = values;
  }
  value(row) {
    const value = this.values[row];
    return Number.isNaN(value) ? null : value;
  }
  sortKeys() {
    return (row) => this.values[row];
  }
}

const HEXADECIMAL = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

function hexadecimalTexts(bytes, offset, shape, length) {
  const texts = new Array(length);
  for (let i = 0; i < length; i++) {
    let text = '';
    shape.forEach((digits, run) => {
      if (run > 0) text += '-';
      for (let byte = 0; byte < digits / 2; byte++) text += HEXADECIMAL[bytes[offset++]];
    });
    texts[i] = text;
  }
  return texts;
}

/** Reads the packed findings: { title, rows, views, verdicts, columns, column(name) }. */
function readFindings(bytes) {
  const headerLength = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + headerLength)));
  if (header.layout !== LAYOUT) throw new Error(`the findings have layout ${header.layout}, this page reads ${LAYOUT}`);
  const { rows } = header;
  const columns = [];
  let offset = 4 + headerLength;
  header.columns.forEach(({ dictionary, storage, ...spec }, index) => {
    spec.index = index;
    let entries = dictionary?.text ?? null;
    if (dictionary?.hexadecimal) {
      const { shape, entries: length } = dictionary.hexadecimal;
      const start = offset;
      entries = () => hexadecimalTexts(bytes, start, shape, length);
      offset += length * shape.reduce((sum, digits) => sum + digits / 2, 0);
    }
    const take = (planes, length) => {
      const numbers = joinPlanes(bytes, offset, planes, length);
      offset += planes * length;
      return numbers;
    };
    if (storage === 'floats') {
      const view = new DataView(bytes.buffer, bytes.byteOffset + offset, rows * 8);
      offset += rows * 8;
      columns.push(new NumberColumn(spec, Float64Array.from({ length: rows }, (_, row) => view.getFloat64(row * 8, true))));
    } else if (storage.numbers) {
      const { planes, base, step, after } = storage.numbers;
      const codes = take(planes, rows);
      const values = new Float64Array(rows);
      const earlier = after === null ? null : columns[after].values;
      for (let row = 0; row < rows; row++) {
        values[row] = codes[row] === 0 ? NaN : base + (codes[row] - 1) * step + (earlier ? earlier[row] : 0);
      }
      columns.push(new NumberColumn(spec, values));
    } else {
      let codes;
      if (storage.follows) {
        const from = columns[storage.follows.from];
        const map = take(storage.follows.planes, storage.follows.entries);
        codes = new map.constructor(rows);
        for (let row = 0; row < rows; row++) codes[row] = map[from.codes[row]];
      } else if (storage.within) {
        const { from, entries: lists, length_planes: lengthPlanes, listed, list_planes: listPlanes, planes } = storage.within;
        const lengths = take(lengthPlanes, lists);
        const list = take(listPlanes, listed);
        const places = take(planes, rows);
        const starts = new Uint32Array(lists);
        for (let i = 1; i < lists; i++) starts[i] = starts[i - 1] + lengths[i - 1];
        codes = new list.constructor(rows);
        for (let row = 0; row < rows; row++) codes[row] = list[starts[columns[from].codes[row]] + places[row]];
      } else {
        codes = take(storage.codes.planes, rows);
      }
      columns.push(dictionary.template
        ? new TemplateColumn(spec, codes, dictionary.template, columns)
        : new TextColumn(spec, codes, entries));
    }
  });
  const byName = new Map(columns.map((column) => [column.name, column]));
  // Templates point at the columns by their place in the file; people see those of a group together.
  const groups = [...new Set(columns.map((column) => column.group))];
  const ordered = [...columns].sort((a, b) => groups.indexOf(a.group) - groups.indexOf(b.group));
  const verdictLabels = new Map(header.verdicts.map(({ value, label }) => [value, label]));
  return { ...header, columns: ordered, column: (name) => byName.get(name), verdictLabel: (value) => verdictLabels.get(value) ?? value };
}

/**
 * The calls of rows. Where several queries list the same calls, only the rows of the one that counts them are added; `once` says
 * that others are among the rows. Without any row that counts, all are added.
 */
function countCalls(findings, rows) {
  const { values } = findings.column('event_count');
  const elsewhere = findings.views.filter((view) => !view.counted);
  const isCounted = (row) => !elsewhere.some(({ first, rows: length }) => row >= first && row < first + length);
  let all = 0;
  let counted = 0;
  let countedRows = 0;
  for (const row of rows) {
    const calls = values[row] || 0;
    all += calls;
    if (elsewhere.length > 0 && isCounted(row)) {
      counted += calls;
      countedRows++;
    }
  }
  const once = countedRows > 0 && countedRows < rows.length;
  return { calls: once ? counted : all, once };
}

const NUMBER_FORMAT = new Intl.NumberFormat('en-US');

/** `2026-11-03 14:22:05`, in UTC; a time that no calendar holds is shown as its number. */
function timeText(milliseconds) {
  const time = new Date(milliseconds);
  return Number.isNaN(time.getTime()) ? String(milliseconds) : time.toISOString().replace('T', ' ').replace(/\.\d+Z$/, '');
}

/** A text with the characters that would hide or turn round what stands beside them written out. Line ends and tabs stay. */
function visible(text) {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (letter) => `⟨U+${letter.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}⟩`);
}

/** What a cell shows. */
function cellText(findings, column, row) {
  const value = column.value(row);
  if (value === null) return '';
  if (column.kind === 'time') return timeText(value);
  if (column.kind === 'integer') return NUMBER_FORMAT.format(value);
  return column.name === 'verdict' ? findings.verdictLabel(value) : visible(value);
}
