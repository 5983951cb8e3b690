
// The small panels over the table: the filter of one column, the choice of columns, the export.

const FACETS = 200;

/** Shows a panel under a button and gives it the focus; the browser closes it on Esc or a click elsewhere. */
function openPanel(button, label, kind, ...content) {
  document.querySelector('.popover')?.remove();
  const panel = element('div', { class: `popover ${kind}`, popover: 'auto', role: 'dialog', 'aria-label': label }, ...content);
  document.body.append(panel);
  panel.addEventListener('toggle', (event) => {
    if (event.newState === 'closed') {
      panel.remove();
      if (button.isConnected && (document.activeElement === document.body || document.activeElement === null)) button.focus();
    }
  });
  panel.showPopover();
  const at = button.getBoundingClientRect();
  const width = panel.offsetWidth;
  panel.style.left = `${Math.max(8, Math.min(at.left, innerWidth - width - 8))}px`;
  panel.style.top = `${Math.max(8, Math.min(at.bottom + 4, innerHeight - panel.offsetHeight - 8))}px`;
  panel.querySelector('input, button')?.focus();
  return panel;
}

/** The filter panel of a column. `changed` is called after every change. */
function openFilter(button, findings, view, question, column, changed) {
  const filter = filterOf(question, column.name);
  const field = (kind, label, type, placeholder = '') => element('label', { class: 'field' }, element('span', {}, label), element('input', {
    type, placeholder, value: filter[kind], step: type === 'datetime-local' ? '1' : null, autocomplete: 'off', spellcheck: 'false',
    input: (event) => { filter[kind] = event.target.value; changed(); },
  }));
  const clear = element('button', {
    type: 'button', class: 'quiet', click: () => {
      question.filters.delete(column.name);
      changed();
      document.querySelector('.popover')?.hidePopover();
    },
  }, 'Clear');
  const head = element('div', { class: 'popover-head' }, element('strong', {}, column.label), clear);
  const about = element('p', { class: 'small' }, column.description);
  if (column.kind !== 'text') {
    const type = column.kind === 'time' ? 'datetime-local' : 'number';
    const unit = column.kind === 'time' ? ' (UTC)' : '';
    openPanel(button, `Filter ${column.label}`, 'narrow', head, about, field('min', `From${unit}`, type), field('max', `To${unit}`, type));
    return;
  }
  const values = facets(findings, view, question, column);
  const list = element('div', { class: 'facets', role: 'group', 'aria-label': 'Values' });
  const fill = () => {
    const wanted = values.filter(([text]) => !filter.has || text.toLowerCase().includes(filter.has.toLowerCase()));
    list.replaceChildren(...wanted.slice(0, FACETS).map(([text, count]) => element('label', {}, element('input', {
      type: 'checkbox', checked: filter.is.has(text), change: (event) => {
        if (event.target.checked) filter.is.add(text);
        else filter.is.delete(text);
        changed();
      },
    }), element('span', { class: 'facet', title: visible(text) }, text === '' ? element('em', {}, 'empty') : column.name === 'verdict' ? findings.verdictLabel(text) : visible(text)),
    element('span', { class: 'number' }, NUMBER_FORMAT.format(count)))));
    if (wanted.length > FACETS) {
      list.append(element('p', { class: 'small' }, `and ${NUMBER_FORMAT.format(wanted.length - FACETS)} more values; type above to find one`));
    }
  };
  fill();
  const contains = field('has', 'Contains', 'text');
  contains.querySelector('input').addEventListener('input', fill);
  openPanel(button, `Filter ${column.label}`, 'narrow', head, about, contains, list);
}

/** The choice of columns, by group. `used(column)` says whether the column has any value in this view. */
function openColumns(button, findings, shown, used, changed) {
  const chosen = new Set(shown.map((column) => column.name));
  const groups = [...new Set(findings.columns.map((column) => column.group))].map((group) => element('fieldset', {},
    element('legend', {}, group),
    ...findings.columns.filter((column) => column.group === group).map((column) => element('label', { title: column.description },
      element('input', {
        type: 'checkbox', checked: chosen.has(column.name), change: (event) => {
          if (event.target.checked) chosen.add(column.name);
          else chosen.delete(column.name);
          changed(findings.columns.filter(({ name }) => chosen.has(name)).map(({ name }) => name));
        },
      }), column.label, used(column) ? null : element('span', { class: 'small' }, 'empty here')))));
  const reset = element('button', { type: 'button', class: 'quiet', click: () => { changed(null); document.querySelector('.popover')?.hidePopover(); } }, 'Default columns');
  openPanel(button, 'Columns', 'wide', element('div', { class: 'popover-head' }, element('strong', {}, 'Columns'), reset), element('div', { class: 'column-groups' }, ...groups));
}

/** The ways to take the rows on show away. */
function openExport(button, count, name, choices) {
  openPanel(button, 'Export', 'narrow', element('div', { class: 'popover-head' }, element('strong', {}, `Export ${count}`)),
    element('div', { class: 'menu' }, ...choices.map(([label, action]) => element('button', { type: 'button', click: () => { action(); document.querySelector('.popover')?.hidePopover(); } }, label))),
    element('p', { class: 'small' }, 'The filtered rows in their order. In CSV, a text that a spreadsheet would run as a formula starts with an apostrophe.'));
}
