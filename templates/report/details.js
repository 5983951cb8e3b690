
// The panel beside the table: every field of one finding, and its sample event.

/** JSON text, indented and coloured, without changing any of its tokens (a parser would round large numbers). */
function prettyJson(text) {
  const tokens = /"(?:\\.|[^"\\])*"|[{}[\],:]|[^\s{}[\],:"]+/g;
  const out = document.createDocumentFragment();
  const indent = (depth) => `\n${'  '.repeat(depth)}`;
  let depth = 0;
  let opened = false;
  for (const match of text.matchAll(tokens)) {
    const [token] = match;
    if (token === '}' || token === ']') {
      depth--;
      out.append(opened ? token : indent(depth) + token);
      opened = false;
      continue;
    }
    if (opened) out.append(indent(depth));
    opened = false;
    if (token === '{' || token === '[') {
      out.append(token);
      depth++;
      opened = true;
    } else if (token === ',') {
      out.append(token + indent(depth));
    } else if (token === ':') {
      out.append(': ');
    } else {
      const key = token.startsWith('"') && /^\s*:/.test(text.slice(match.index + token.length, match.index + token.length + 8));
      out.append(element('span', { class: key ? 'json-key' : token.startsWith('"') ? 'json-text' : 'json-other' }, visible(token)));
    }
  }
  return out;
}

/** How to find the sample event when the page does not hold it. */
function lookUpText(findings, row, id) {
  const region = findings.column('region')?.value(row);
  const safeRegion = region && /^[a-z0-9-]+$/.test(region) ? ` --region ${region}` : '';
  const safeId = /^[0-9A-Za-z-]+$/.test(id);
  return safeId
    ? `aws cloudtrail lookup-events --lookup-attributes AttributeKey=EventId,AttributeValue=${id}${safeRegion}`
    : null;
}

class Details {
  /** `asked(action, column, value)` is called for the buttons beside a value; `closed()` when the reader closes the panel. */
  constructor(findings, asked, closed) {
    this.findings = findings;
    this.asked = asked;
    this.body = element('div', { class: 'details-body' });
    this.title = element('h3', { id: 'details-title', tabindex: '-1' }, 'Finding');
    this.copyLink = element('button', { type: 'button', class: 'quiet', click: (event) => asked('link', null, event.currentTarget) }, 'Copy link');
    this.copyJson = element('button', { type: 'button', class: 'quiet', click: (event) => this.copyRow(event.currentTarget) }, 'Copy JSON');
    this.close = element('button', { type: 'button', class: 'quiet', 'aria-label': 'Close details', click: closed }, 'Close', element('kbd', {}, 'Esc'));
    this.panel = element('aside', { class: 'details', 'aria-labelledby': 'details-title', hidden: true },
      element('div', { class: 'details-head' }, this.title, this.copyLink, this.copyJson, this.close), this.body);
    this.row = null;
  }

  copyRow(button) {
    copy(JSON.stringify(rowObject(this.findings.columns, this.row), null, 2), button);
  }

  hide() {
    this.row = null;
    this.panel.hidden = true;
    this.body.replaceChildren();
  }

  show(row) {
    this.row = row;
    this.panel.hidden = false;
    const { findings } = this;
    const value = (name) => findings.column(name)?.value(row) ?? null;
    const parts = [];
    const verdict = value('verdict');
    parts.push(element('p', { class: 'verdict-line' }, verdict === null ? null : badge(findings, verdict),
      element('span', { class: 'small' }, [value('perimeter'), value('query')].filter(Boolean).join(' · '))));
    if (value('reason')) parts.push(element('p', { class: 'reason' }, visible(value('reason'))));
    if (value('settled_by')) parts.push(element('p', { class: 'settled' }, element('strong', {}, 'To settle: '), visible(value('settled_by'))));
    for (const group of new Set(findings.columns.map((column) => column.group))) {
      parts.push(element('h4', {}, group), this.fields(findings.columns.filter((column) => column.group === group), row));
    }
    const sample = element('div', { class: 'sample' });
    parts.push(element('h4', {}, 'Sample event'), sample);
    this.body.replaceChildren(...parts);
    this.body.scrollTop = 0;
    this.showSample(sample, row, value('sample_event_id'));
  }

  fields(columns, row) {
    const list = element('dl', { class: 'fields' });
    const empty = [];
    for (const column of columns) {
      const value = column.value(row);
      // These sentences stand above the fields.
      if (value !== null && ['reason', 'settled_by'].includes(column.name)) continue;
      if (value === null) {
        empty.push(column);
        continue;
      }
      const text = cellText(this.findings, column, row);
      const act = (action, label, words) => element('button', {
        type: 'button', class: 'tiny', title: words, 'aria-label': `${words}: ${column.label}`,
        click: (event) => this.asked(action, column, value, event.currentTarget),
      }, label);
      list.append(element('div', {},
        element('dt', { title: `${column.name}: ${column.description}` }, column.label),
        element('dd', { class: column.name.endsWith('_arn') || column.name.endsWith('_id') ? 'mono' : null },
          column.name === 'verdict' ? badge(this.findings, value) : element('span', { class: 'value' }, column.kind === 'time' ? `${text} UTC` : text),
          element('span', { class: 'actions' },
            column.kind === 'text' ? act('only', '=', 'Show only this value') : null,
            column.kind === 'text' ? act('without', '≠', 'Hide this value') : null,
            act('copy', 'Copy', 'Copy this value')))));
    }
    // All fields are listed, also those without a value: that a record does not tell something is a fact about it.
    for (const column of empty) {
      list.append(element('div', { class: 'null' },
        element('dt', { title: `${column.name}: ${column.description}` }, column.label), element('dd', {}, '–')));
    }
    return list;
  }

  async showSample(place, row, id) {
    if (id === null) {
      place.append(element('p', { class: 'small' }, 'This finding names no sample event.'));
      return;
    }
    const samples = await loadSamples();
    if (this.row !== row) return;
    const text = Object.hasOwn(samples, id) ? samples[id] : null;
    if (text === null) {
      const command = lookUpText(this.findings, row, id);
      place.append(element('p', {}, 'The event is not embedded in this report. Search the event files for its id ', element('code', {}, visible(id)),
        command ? ', or, for a management event of the last 90 days, ask CloudTrail:' : '.'));
      if (command) {
        place.append(element('pre', { tabindex: '0' }, element('code', {}, command)),
          element('button', { type: 'button', class: 'quiet', click: (event) => copy(command, event.currentTarget) }, 'Copy command'));
      }
      return;
    }
    place.append(element('button', { type: 'button', class: 'quiet', click: (event) => copy(text, event.currentTarget) }, 'Copy event'),
      element('pre', { tabindex: '0' }, element('code', {}, prettyJson(text))));
  }
}

let samplesLoading = null;

/** The sample events, unpacked when the first one is looked at. */
function loadSamples() {
  samplesLoading ??= unpack('data-samples').then((bytes) => JSON.parse(new TextDecoder().decode(bytes)), () => ({}));
  return samplesLoading;
}
