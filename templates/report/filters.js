
// What a reader asks of a table (search, filters, order, columns, open row), how it stands in the address, and which rows
// answer it.

/** Nothing asked. In `is` and `not` an empty text stands for null, because no cell is an empty text. */
function emptyQuestion() {
  return { search: '', filters: new Map(), sort: [], columns: null, row: null };
}

function emptyFilter() {
  return { is: new Set(), not: new Set(), has: '', min: '', max: '' };
}

function filterOf(question, name) {
  if (!question.filters.has(name)) question.filters.set(name, emptyFilter());
  return question.filters.get(name);
}

function isEmptyFilter(filter) {
  return filter.is.size === 0 && filter.not.size === 0 && !filter.has && !filter.min && !filter.max;
}

/** The fragment of the address: `view?q=…&sort=-event_count&f.verdict=is:denied&cols=…&row=…`. */
function writeFragment(view, question) {
  const parameters = new URLSearchParams();
  if (question.search) parameters.append('q', question.search);
  for (const [name, filter] of question.filters) {
    for (const value of filter.is) parameters.append(`f.${name}`, `is:${value}`);
    for (const value of filter.not) parameters.append(`f.${name}`, `not:${value}`);
    for (const kind of ['has', 'min', 'max']) {
      if (filter[kind]) parameters.append(`f.${name}`, `${kind}:${filter[kind]}`);
    }
  }
  if (question.sort.length > 0) {
    parameters.append('sort', question.sort.map(({ name, descending }) => (descending ? '-' : '') + name).join(','));
  }
  if (question.columns) parameters.append('cols', question.columns.join(','));
  if (question.row) parameters.append('row', question.row);
  const text = parameters.toString();
  return `#${encodeURIComponent(view)}${text ? `?${text}` : ''}`;
}

/** The view and question of a fragment. What this report does not know is dropped. */
function readFragment(fragment, findings) {
  const [view, text = ''] = fragment.replace(/^#/, '').split(/\?(.*)/s);
  const question = emptyQuestion();
  for (const [key, value] of new URLSearchParams(text)) {
    if (key === 'q') {
      question.search = value;
    } else if (key === 'sort') {
      question.sort = value.split(',').map((name) => ({ name: name.replace(/^-/, ''), descending: name.startsWith('-') }))
        .filter(({ name }) => findings.column(name));
    } else if (key === 'cols') {
      question.columns = value.split(',').filter((name) => findings.column(name));
    } else if (key === 'row') {
      question.row = value;
    } else if (key.startsWith('f.') && findings.column(key.slice(2))) {
      const filter = filterOf(question, key.slice(2));
      const [, kind, argument] = /^(is|not|has|min|max):(.*)$/s.exec(value) ?? [];
      if (kind === 'is' || kind === 'not') filter[kind].add(argument);
      else if (kind) filter[kind] = argument;
    }
  }
  let name;
  try {
    name = decodeURIComponent(view);
  } catch {
    name = view;
  }
  return { view: name, question };
}

/** Splits a search: words that must all occur somewhere in the row, "a phrase", -without. */
function searchTerms(search) {
  const terms = [];
  for (const [, minus, phrase, word] of search.matchAll(/(-?)(?:"([^"]*)"?|(\S+))/g)) {
    const text = (phrase ?? word).toLowerCase();
    if (text) terms.push({ text, without: minus === '-' });
  }
  return terms;
}

/** Marks in `found` the rows from `first` in which any text column contains the needle. */
function markContaining(findings, needle, first, found) {
  for (const column of findings.columns) {
    if (column.kind !== 'text') continue;
    const hits = column.containing(needle);
    if (!hits) continue;
    const { codes } = column;
    for (let i = 0; i < found.length; i++) {
      if (hits[codes[first + i]]) found[i] = 1;
    }
  }
}

/** A bound of a range as a number; times are read as UTC. NaN when it is none. */
function bound(column, text) {
  if (!text) return NaN;
  return column.kind === 'time' ? Date.parse(/[zZ]|[+-]\d\d:\d\d$/.test(text) ? text : `${text}Z`) : Number(text);
}

/** Clears in `kept` the rows from `first` that a filter refuses. */
function applyFilter(column, filter, first, kept) {
  if (column.kind === 'text') {
    const texts = column.texts();
    const allowed = new Uint8Array(texts.length + 1).fill(1);
    if (filter.has) {
      const hits = column.containing(filter.has.toLowerCase());
      for (let code = 0; code < allowed.length; code++) if (!hits || !hits[code]) allowed[code] = 0;
    }
    if (filter.is.size > 0 || filter.not.size > 0) {
      for (let code = 0; code < allowed.length; code++) {
        const text = code === 0 ? '' : texts[code - 1];
        if ((filter.is.size > 0 && !filter.is.has(text)) || filter.not.has(text)) allowed[code] = 0;
      }
    }
    for (let i = 0; i < kept.length; i++) if (!allowed[column.codes[first + i]]) kept[i] = 0;
    return;
  }
  const min = bound(column, filter.min);
  const max = bound(column, filter.max);
  for (let i = 0; i < kept.length; i++) {
    const value = column.values[first + i];
    // A row without the value is outside every range: the comparisons with NaN are false.
    if ((!Number.isNaN(min) && !(value >= min)) || (!Number.isNaN(max) && !(value <= max))) kept[i] = 0;
  }
}

/** Which rows of the view pass everything but the filter of column `except`: one byte for each. */
function passing(findings, view, question, except) {
  const kept = new Uint8Array(view.rows).fill(1);
  for (const [name, filter] of question.filters) {
    if (name !== except && !isEmptyFilter(filter)) applyFilter(findings.column(name), filter, view.first, kept);
  }
  for (const { text, without } of searchTerms(question.search)) {
    const found = new Uint8Array(view.rows);
    markContaining(findings, text, view.first, found);
    for (let i = 0; i < kept.length; i++) if (found[i] === (without ? 1 : 0)) kept[i] = 0;
  }
  return kept;
}

/** The rows that answer a question, in its order: row numbers of the findings. */
function answer(findings, view, question) {
  const kept = passing(findings, view, question, null);
  let length = 0;
  for (let i = 0; i < kept.length; i++) length += kept[i];
  const rows = new Uint32Array(length);
  for (let i = 0, next = 0; i < kept.length; i++) if (kept[i]) rows[next++] = view.first + i;
  if (question.sort.length === 0) return rows;
  const orders = question.sort.map(({ name, descending }) => {
    const key = findings.column(name).sortKeys();
    const keys = new Float64Array(view.rows);
    for (let i = 0; i < view.rows; i++) {
      const value = key(view.first + i);
      // Null last in both directions.
      keys[i] = Number.isNaN(value) ? Infinity : descending ? -value : value;
    }
    return keys;
  });
  const { first } = view;
  const [only] = orders;
  // Infinity less Infinity is NaN, which is false like 0: equal rows go on to the next order and then keep their place.
  return rows.sort(orders.length === 1
    ? (a, b) => only[a - first] - only[b - first] || a - b
    : (a, b) => {
      for (const keys of orders) {
        const difference = keys[a - first] - keys[b - first];
        if (difference) return difference;
      }
      return a - b;
    });
}

/** The values of a text column among the rows that pass the other filters, the most frequent first: [text or '', rows]. */
function facets(findings, view, question, column) {
  const kept = passing(findings, view, question, column.name);
  const counts = new Uint32Array(column.texts().length + 1);
  for (let i = 0; i < kept.length; i++) if (kept[i]) counts[column.codes[view.first + i]]++;
  const values = [];
  counts.forEach((count, code) => { if (count > 0) values.push([code === 0 ? '' : column.texts()[code - 1], count]); });
  return values.sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
}
