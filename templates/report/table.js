
// The table of one view: only the rows in sight are in the page.

const ROW_HEIGHT = 30;
/** Browsers stop drawing somewhere above ten million pixels; longer tables scroll in larger steps. */
const TALLEST = 8e6;
const OVERSCAN = 6;
/** Rows that are printed; a table of a hundred thousand rows is for the exports. */
const PRINTED = 1000;

/** A sentence with the ARNs in it cut to their last part; the whole sentence is in the details and the tooltip. */
function withoutArnPrefixes(text) {
  return text.replace(/\barn:[a-z-]+:[^:\s]*:[^:\s]*:[^:\s]*:(?=\S)/g, '');
}

class Workbench {
  /** `changed()` is called when the question has changed, so that the address follows. */
  constructor(findings, changed) {
    this.findings = findings;
    this.changed = changed;
    this.rows = new Uint32Array();
    this.active = 0;
    this.usedColumns = new Map();
    this.search = element('input', {
      type: 'search', id: 'search', placeholder: 'Search every column   ( / )', autocomplete: 'off', spellcheck: 'false',
      title: 'All words must occur in a row. "a phrase" stays together; -word excludes.',
      input: () => { this.question.search = this.search.value; this.soon(); },
      keydown: (event) => { if (event.key === 'ArrowDown') { event.preventDefault(); this.focusRow(this.active); } },
    });
    this.chips = element('div', { class: 'chips', role: 'group', 'aria-label': 'Filters in force' });
    this.status = element('p', { class: 'status', role: 'status' });
    const button = (label, click) => element('button', { type: 'button', click }, label);
    this.toolbar = element('div', { class: 'toolbar' },
      element('label', { class: 'search' }, element('span', { class: 'hidden' }, 'Search'), this.search),
      this.status, element('span', { class: 'spacer' }),
      this.resetButton = button('Reset', () => this.reset()),
      button('Columns', (event) => openColumns(event.currentTarget, findings, this.columns, (column) => this.used(column), (names) => {
        this.question.columns = names;
        this.layOut();
        this.changed();
      })),
      button('Export', (event) => this.export(event.currentTarget)),
      button('Copy link', (event) => { this.changed(true); copy(location.href, event.currentTarget); }));
    this.head = element('thead');
    this.body = element('tbody', { keydown: (event) => this.onKey(event), click: (event) => this.onClick(event) });
    this.sizes = element('colgroup');
    this.caption = element('caption', { class: 'hidden' });
    this.table = element('table', { role: 'grid', class: 'virtual' }, this.caption, this.sizes, this.head, this.body);
    this.grid = element('div', { class: 'grid', scroll: () => this.draw() }, this.table);
    this.empty = element('p', { class: 'empty', hidden: true });
    this.details = new Details(findings, (...asked) => this.onAsked(...asked), () => this.closeDetails());
    this.node = element('div', { class: 'workbench' }, this.toolbar, this.chips,
      element('div', { class: 'split' }, element('div', { class: 'grid-frame' }, this.grid, this.empty), this.details.panel));
    new ResizeObserver(() => this.draw(true)).observe(this.grid);
  }

  /** Puts the table into a section of the page and shows a view with a question. */
  open(section, view, question) {
    this.view = view;
    this.question = question;
    section.append(this.node);
    this.search.value = question.search;
    this.caption.textContent = `Findings of ${section.querySelector('h2').textContent}`;
    this.active = 0;
    this.grid.scrollTop = 0;
    this.layOut();
    this.answer();
    const at = question.row ? this.positionOf(question.row) : -1;
    if (at >= 0) {
      this.active = at;
      this.scrollTo(at);
      this.showDetails(at);
    } else {
      question.row = null;
      this.details.hide();
      this.draw(true);
    }
  }

  positionOf(findingId) {
    const column = this.findings.column('finding_id');
    return this.rows.findIndex((row) => column.value(row) === findingId);
  }

  /** Does the column have a value in any row of this view? */
  used(column) {
    const key = `${this.view.name}\n${column.name}`;
    if (!this.usedColumns.has(key)) {
      let used = false;
      const { first, rows } = this.view;
      const { codes, values } = column;
      for (let row = first; row < first + rows && !used; row++) used = codes ? codes[row] !== 0 : !Number.isNaN(values[row]);
      this.usedColumns.set(key, used);
    }
    return this.usedColumns.get(key);
  }

  /** Builds the header for the columns on show. */
  layOut() {
    const { findings, question } = this;
    this.columns = question.columns
      ? question.columns.map((name) => findings.column(name))
      : findings.columns.filter((column) => (column.shown && this.used(column)) || (column.name === 'query' && this.view.name === 'all'));
    const widths = this.columns.map((column) => this.width(column));
    this.sizes.replaceChildren(...widths.map((width) => {
      const made = element('col');
      made.style.width = `${width}px`;
      return made;
    }));
    this.table.style.width = `${widths.reduce((sum, width) => sum + width, 0)}px`;
    const groups = [];
    for (const column of this.columns) {
      if (groups.at(-1)?.name === column.group) groups.at(-1).span++;
      else groups.push({ name: column.group, span: 1 });
    }
    this.headers = this.columns.map((column, index) => {
      const first = index === 0 || this.columns[index - 1].group !== column.group;
      const sort = element('button', { type: 'button', class: 'sort', title: `${column.description}\nClick to sort, Shift and click to sort by several columns.`, click: (event) => this.sortBy(column, event.shiftKey) },
        element('span', { class: 'label' }, column.label, column.kind === 'time' ? element('span', { class: 'unit' }, ' UTC') : null), element('span', { class: 'arrow', 'aria-hidden': 'true' }));
      const filter = element('button', {
        type: 'button', class: 'filter', 'aria-label': `Filter ${column.label}`, 'aria-haspopup': 'dialog', title: 'Filter this column',
        click: (event) => openFilter(event.currentTarget, findings, this.view, question, column, () => this.soon()),
      }, symbol('filter'));
      return element('th', { scope: 'col', class: `${first ? 'first ' : ''}${column.kind}` }, element('div', {}, sort, filter));
    });
    this.head.replaceChildren(
      element('tr', { class: 'groups', 'aria-hidden': 'true' }, ...groups.map(({ name, span }) => element('td', { colspan: span }, element('span', {}, name)))),
      element('tr', { 'aria-rowindex': '1' }, ...this.headers));
    this.table.setAttribute('aria-colcount', this.columns.length);
    this.pool = [];
    this.body.replaceChildren(this.above = this.spacer(), this.below = this.spacer());
    this.markHeaders();
    this.draw(true);
  }

  spacer() {
    return element('tr', { class: 'spacer', 'aria-hidden': 'true' }, element('td', { colspan: Math.max(1, this.columns.length) }));
  }

  /** A width that fits most values of the column in this view. */
  width(column) {
    const least = Math.max(76, column.label.length * 7 + 52);
    if (column.kind === 'time') return Math.max(least, 168);
    if (column.kind === 'integer') return Math.max(least, 88);
    if (column.name === 'reason') return 380;
    if (column.name === 'verdict') return 190;
    const lengths = [];
    const step = Math.max(1, Math.floor(this.view.rows / 300));
    for (let row = this.view.first; row < this.view.first + this.view.rows; row += step) lengths.push((column.value(row) ?? '').length);
    lengths.sort((a, b) => a - b);
    const usual = lengths[Math.floor(lengths.length * 0.95)] ?? 0;
    return Math.round(Math.min(column.name.endsWith('_arn') ? 330 : 250, Math.max(least, usual * 7.4 + 28)));
  }

  /** Answers after the reader stops typing for a moment. */
  soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => { this.answer(); this.changed(); }, 60);
  }

  answer() {
    clearTimeout(this.timer);
    this.timer = null;
    const { findings, view, question } = this;
    this.rows = answer(findings, view, question);
    const { calls, once } = countCalls(findings, this.rows);
    const of = this.rows.length === view.rows ? '' : ` of ${NUMBER_FORMAT.format(view.rows)}`;
    this.status.textContent = `${NUMBER_FORMAT.format(this.rows.length)}${of} ${view.rows === 1 ? 'finding' : 'findings'} · ${NUMBER_FORMAT.format(calls)} ${calls === 1 ? 'call' : 'calls'}${once ? ', each counted once' : ''}`;
    this.status.title = once ? 'The rows of each change alone are about the same calls as the rows of all changes together; only the latter are added.' : '';
    this.table.setAttribute('aria-rowcount', this.rows.length + 1);
    this.empty.hidden = this.rows.length > 0;
    this.empty.textContent = view.rows === 0 ? 'This query found nothing.' : 'No finding matches. Remove a filter or reset.';
    this.active = Math.max(0, Math.min(this.active, this.rows.length - 1));
    this.markHeaders();
    this.showChips();
    this.draw(true);
  }

  markHeaders() {
    const { question } = this;
    this.columns.forEach((column, index) => {
      const place = question.sort.findIndex(({ name }) => name === column.name);
      const order = place < 0 ? null : question.sort[place];
      const header = this.headers[index];
      if (order) header.setAttribute('aria-sort', order.descending ? 'descending' : 'ascending');
      else header.removeAttribute('aria-sort');
      header.querySelector('.arrow').textContent = order ? (order.descending ? '↓' : '↑') + (question.sort.length > 1 ? place + 1 : '') : '';
      const filter = question.filters.get(column.name);
      const on = Boolean(filter && !isEmptyFilter(filter));
      header.querySelector('.filter').classList.toggle('on', on);
      header.querySelector('.filter').setAttribute('aria-label', `Filter ${column.label}${on ? ', in force' : ''}`);
    });
  }

  sortBy(column, several) {
    const { question } = this;
    const now = question.sort.find(({ name }) => name === column.name);
    const firstDescending = column.kind !== 'text';
    let next = { name: column.name, descending: firstDescending };
    if (now) next = now.descending === firstDescending ? { name: column.name, descending: !firstDescending } : null;
    if (several && now) question.sort = question.sort.map((order) => (order === now ? next : order)).filter(Boolean);
    else if (several) question.sort = [...question.sort, next];
    else question.sort = next ? [next] : [];
    this.active = 0;
    this.grid.scrollTop = 0;
    this.answer();
    this.changed();
  }

  showChips() {
    const chips = [];
    for (const [name, filter] of this.question.filters) {
      const column = this.findings.column(name);
      const shown = (text) => (text === '' ? 'empty' : name === 'verdict' ? this.findings.verdictLabel(text) : visible(text));
      const chip = (words, remove) => chips.push(element('button', {
        type: 'button', class: 'chip', title: `Remove this filter: ${column.label} ${words}`, click: () => { remove(); this.answer(); this.changed(); },
      }, element('span', { class: 'chip-column' }, column.label), element('span', { class: 'chip-words' }, words), element('span', { 'aria-hidden': 'true' }, '×')));
      if (filter.is.size > 0) {
        const values = [...filter.is].map(shown);
        chip(`is ${values.slice(0, 2).join(' or ')}${values.length > 2 ? ` or ${values.length - 2} more` : ''}`, () => filter.is.clear());
      }
      for (const text of filter.not) chip(`is not ${shown(text)}`, () => filter.not.delete(text));
      if (filter.has) chip(`contains ${filter.has}`, () => { filter.has = ''; });
      if (filter.min) chip(`from ${filter.min.replace('T', ' ')}`, () => { filter.min = ''; });
      if (filter.max) chip(`to ${filter.max.replace('T', ' ')}`, () => { filter.max = ''; });
    }
    this.chips.replaceChildren(...chips);
    this.chips.hidden = chips.length === 0;
    this.resetButton.disabled = chips.length === 0 && !this.question.search && this.question.sort.length === 0;
  }

  reset() {
    this.question.filters.clear();
    this.question.search = this.search.value = '';
    this.question.sort = [];
    this.answer();
    this.changed();
    this.search.focus();
  }

  /** Rows that fit into the frame, and where the first of them is. */
  window() {
    const height = this.grid.clientHeight - this.head.offsetHeight;
    const visible = Math.max(1, Math.ceil(height / ROW_HEIGHT));
    const total = Math.min(this.rows.length * ROW_HEIGHT, TALLEST);
    const scroll = this.grid.scrollTop;
    const stretched = total < this.rows.length * ROW_HEIGHT;
    const first = stretched
      ? Math.round((scroll / Math.max(1, total - height)) * Math.max(0, this.rows.length - visible + 1))
      : Math.floor(scroll / ROW_HEIGHT);
    return { height, visible, total, scroll, stretched, first };
  }

  /** Brings the rows in sight up to date; `all` also when the same rows are in sight. */
  draw(all = false) {
    if (!this.view || !this.node.isConnected) return;
    const { visible, total, scroll, stretched, first } = this.window();
    const from = Math.max(0, Math.min(first - OVERSCAN, this.rows.length - visible));
    const to = Math.min(this.rows.length, first + visible + OVERSCAN);
    if (!all && from === this.from && to === this.to && !stretched) return;
    const hadFocus = this.body.contains(document.activeElement);
    while (this.pool.length < to - from) {
      const made = element('tr', { tabindex: '-1' }, ...this.columns.map((column, index) => element('td', {
        class: `${index === 0 || this.columns[index - 1].group !== column.group ? 'first ' : ''}${column.kind}${column.name === 'reason' ? ' prose-cell' : ''}`,
      })));
      this.pool.push(made);
      this.below.before(made);
    }
    while (this.pool.length > to - from) this.pool.pop().remove();
    for (let i = from; i < to; i++) this.fillRow(this.pool[i - from], i, all);
    const above = stretched ? Math.max(0, Math.min(scroll - (first - from) * ROW_HEIGHT, total - (to - from) * ROW_HEIGHT)) : from * ROW_HEIGHT;
    this.above.style.height = `${above}px`;
    this.below.style.height = `${Math.max(0, total - above - (to - from) * ROW_HEIGHT)}px`;
    this.from = from;
    this.to = to;
    if (hadFocus) this.rowNode(this.active)?.focus({ preventScroll: true });
  }

  fillRow(node, index, all) {
    const row = this.rows[index];
    if (node.row !== row || all) {
      node.row = row;
      this.columns.forEach((column, i) => this.fillCell(node.children[i], column, row));
    }
    node.index = index;
    node.setAttribute('aria-rowindex', index + 2);
    node.tabIndex = index === this.active ? 0 : -1;
    node.classList.toggle('active', index === this.active);
    node.setAttribute('aria-selected', String(this.details.row === row));
  }

  fillCell(cell, column, row) {
    const value = column.value(row);
    const text = cellText(this.findings, column, row);
    if (value !== null && column.name === 'verdict') {
      cell.replaceChildren(badge(this.findings, value));
    } else if (value !== null && column.name.endsWith('_arn')) {
      // The end of an ARN tells more than its beginning, which gives way first.
      const parts = /^(arn:[^:]*:[^:]*:[^:]*:[^:]*:)(.+)$/s.exec(text);
      if (parts) cell.replaceChildren(element('div', { class: 'arn' }, element('span', {}, parts[1]), element('span', {}, parts[2])));
      else cell.textContent = text;
    } else {
      cell.textContent = column.name === 'reason' ? withoutArnPrefixes(text) : text;
    }
    cell.title = text.length > 14 ? text : '';
  }

  rowNode(index) {
    return this.pool[index - this.from];
  }

  scrollTo(index) {
    const { height, total, stretched, visible } = this.window();
    if (stretched) {
      if (index < this.from + OVERSCAN || index >= this.to - OVERSCAN) {
        this.grid.scrollTop = (index / Math.max(1, this.rows.length - visible + 1)) * (total - height);
      }
    } else if (index * ROW_HEIGHT < this.grid.scrollTop) {
      this.grid.scrollTop = index * ROW_HEIGHT;
    } else if ((index + 1) * ROW_HEIGHT > this.grid.scrollTop + height) {
      this.grid.scrollTop = (index + 1) * ROW_HEIGHT - height;
    }
    this.draw(true);
  }

  focusRow(index) {
    if (this.rows.length === 0) return;
    this.active = Math.max(0, Math.min(index, this.rows.length - 1));
    this.scrollTo(this.active);
    this.rowNode(this.active)?.focus({ preventScroll: true });
    if (this.details.row !== null) this.showDetails(this.active);
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, this.window().visible - 1);
    const steps = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key in steps) {
      const target = this.active + steps[event.key];
      this.focusRow(Math.max(0, Math.min(target, this.rows.length - 1)));
    } else if (event.key === 'Enter' || event.key === ' ') {
      this.showDetails(this.active);
    } else {
      return;
    }
    event.preventDefault();
  }

  onClick(event) {
    const node = event.target.closest('tr');
    if (node?.index === undefined || String(getSelection()) !== '') return;
    this.active = node.index;
    this.showDetails(node.index);
    node.focus({ preventScroll: true });
  }

  showDetails(index) {
    const row = this.rows[index];
    this.details.show(row);
    this.question.row = this.findings.column('finding_id').value(row);
    this.draw(true);
    this.changed();
  }

  closeDetails() {
    if (this.details.row === null) return false;
    this.details.hide();
    this.question.row = null;
    this.draw(true);
    this.rowNode(this.active)?.focus({ preventScroll: true });
    this.changed();
    return true;
  }

  onAsked(action, column, value, button) {
    if (action === 'link') {
      this.changed(true);
      copy(location.href, value);
    } else if (action === 'copy') {
      copy(column.kind === 'time' ? isoTime(value) : String(value), button);
    } else {
      filterOf(this.question, column.name)[action === 'only' ? 'is' : 'not'].add(value);
      this.answer();
      this.changed();
    }
  }

  export(button) {
    const { columns } = this.findings;
    const name = `palisade-${this.view.name}`;
    openExport(button, `${NUMBER_FORMAT.format(this.rows.length)} ${this.rows.length === 1 ? 'finding' : 'findings'}`, name, [
      ['CSV, columns on show', () => save(`${name}.csv`, 'text/csv', toCsv(this.columns, this.rows))],
      ['CSV, all columns', () => save(`${name}-all.csv`, 'text/csv', toCsv(columns, this.rows))],
      ['JSON, all columns', () => save(`${name}.json`, 'application/json', toJson(columns, this.rows))],
    ]);
  }

  /** A plain table of the rows on show, for paper. */
  printTable() {
    const rows = this.rows.subarray(0, PRINTED);
    const note = this.rows.length > PRINTED ? `First ${NUMBER_FORMAT.format(PRINTED)} of ${NUMBER_FORMAT.format(this.rows.length)} findings` : this.status.textContent;
    // An account id that is broken in two is hard to compare.
    const widths = this.columns.map((column) => (column.name.endsWith('account_id') ? 195 : this.width(column)));
    const all = widths.reduce((sum, width) => sum + width, 0);
    const sizes = element('colgroup', {}, ...widths.map((width) => {
      const made = element('col');
      made.style.width = `${(100 * width) / all}%`;
      return made;
    }));
    return element('table', { class: 'printed' }, element('caption', {}, note), sizes,
      element('thead', {}, element('tr', {}, ...this.columns.map((column) => element('th', { scope: 'col' }, column.label)))),
      element('tbody', {}, ...Array.from(rows, (row) => element('tr', {}, ...this.columns.map((column) => {
        const text = cellText(this.findings, column, row);
        return element('td', { class: column.kind }, column.name === 'reason' ? withoutArnPrefixes(text) : text);
      })))));
  }
}
