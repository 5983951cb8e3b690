
// The page: which section is on show, the address, the theme, the keys, paper.

document.documentElement.classList.add('js');

const THEMES = ['system', 'light', 'dark'];

/** The theme that the reader chose; pages from a folder may not remember it. */
function readTheme() {
  try {
    const theme = localStorage.getItem('palisade-theme');
    return THEMES.includes(theme) ? theme : 'system';
  } catch {
    return 'system';
  }
}

function setTheme(theme) {
  if (theme === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem('palisade-theme', theme);
  } catch {
    // It then lasts until the page is closed.
  }
  const button = document.getElementById('theme');
  if (button) button.textContent = `Theme: ${theme}`;
}

setTheme(readTheme());

let page = null;

/** The table on the page, for programs that drive it. */
function workbench() {
  return page.workbench;
}

/** Has the page done everything that the last keys and clicks asked for? For programs that drive it. */
function isSettled() {
  return !page.workbench.timer && !page.timer;
}

class Page {
  constructor(findings) {
    this.findings = findings;
    this.sections = new Map([...document.querySelectorAll('section.view')].map((section) => [section.id, section]));
    this.views = new Map([['all', { name: 'all', first: 0, rows: findings.rows }],
      ...findings.views.map((view) => [`query-${view.name}`, { ...view, name: `query-${view.name}` }])]);
    this.workbench = new Workbench(findings, (now) => this.remember(now));
    for (const plain of document.querySelectorAll('.plain')) plain.remove();
    addEventListener('hashchange', () => this.follow());
    addEventListener('keydown', (event) => this.onKey(event));
    addEventListener('beforeprint', () => this.beforePrint());
    addEventListener('afterprint', () => document.querySelector('.printed')?.remove());
    document.getElementById('theme').addEventListener('click', () => {
      setTheme(THEMES[(THEMES.indexOf(readTheme()) + 1) % THEMES.length]);
    });
    document.querySelector('.skip').addEventListener('click', (event) => {
      // The address belongs to the section on show.
      event.preventDefault();
      document.getElementById('main').focus();
    });
    document.getElementById('print').addEventListener('click', () => print());
    document.getElementById('keys').addEventListener('click', (event) => this.showKeys(event.currentTarget));
    document.addEventListener('click', (event) => {
      const button = event.target.closest?.('button.copy');
      if (button) copy(button.parentElement.querySelector('code').textContent, button);
    });
    // On a narrow screen the table would begin below it.
    if (matchMedia('(max-width: 900px)').matches) for (const about of document.querySelectorAll('.about[open]')) about.open = false;
    this.follow();
  }

  /** Shows what the address asks for. */
  follow() {
    const { view, question } = readFragment(location.hash, this.findings);
    let section = this.sections.get(view);
    const inside = section || !view ? null : document.getElementById(view);
    section ??= inside?.closest('section.view') ?? this.sections.get('summary');
    this.current = section.id;
    for (const [name, each] of this.sections) each.classList.toggle('current', name === section.id);
    for (const link of document.querySelectorAll('nav.side a')) {
      if (link.dataset.view === undefined) link.dataset.view = readFragment(link.getAttribute('href'), this.findings).view;
      if (link.dataset.view === section.id) {
        link.setAttribute('aria-current', 'page');
        link.scrollIntoView({ block: 'nearest' });
      } else {
        link.removeAttribute('aria-current');
      }
    }
    const table = this.views.get(section.id);
    document.body.classList.toggle('fixed', Boolean(table));
    if (table) this.workbench.open(section, table, question);
    if (inside) inside.scrollIntoView();
    else scrollTo(0, 0);
  }

  /** Keeps the address, and the way back from other sections, in step with the table. */
  remember(now = false) {
    clearTimeout(this.timer);
    const write = () => {
      this.timer = null;
      const fragment = writeFragment(this.current, this.workbench.question);
      for (const link of document.querySelectorAll('nav.side a')) {
        if (link.dataset.view === this.current) link.setAttribute('href', fragment);
      }
      if (fragment !== location.hash) history.replaceState(null, '', fragment);
    };
    if (now) write();
    else this.timer = setTimeout(write, 120);
  }

  onKey(event) {
    const typing = event.target.closest?.('input, textarea, select');
    if (event.key === 'Escape' && !document.querySelector('.popover')) {
      if (event.target === this.workbench.search && this.workbench.search.value) {
        // The browser empties the search field itself; the second Esc closes the details.
        return;
      }
      if (this.workbench.closeDetails()) event.preventDefault();
      return;
    }
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === '/' && this.views.has(this.current)) {
      event.preventDefault();
      this.workbench.search.focus();
      this.workbench.search.select();
    } else if (event.key === '/') {
      event.preventDefault();
      location.hash = '#all';
      this.follow();
      this.workbench.search.focus();
    } else if (event.key === '?') {
      this.showKeys(document.getElementById('keys'));
    }
  }

  showKeys(button) {
    const rows = [['/', 'search'], ['↓ ↑ or j k', 'next, previous finding'], ['Page Down, Page Up', 'a page of findings'], ['Home, End', 'first, last finding'],
      ['Enter', 'open the details'], ['Esc', 'close the details'], ['Shift and click', 'sort by several columns'], ['?', 'this list']];
    openPanel(button, 'Keys', 'narrow', element('div', { class: 'popover-head' }, element('strong', {}, 'Keys')),
      element('dl', { class: 'keys' }, ...rows.map(([keys, words]) => element('div', {}, element('dt', {}, element('kbd', {}, keys)), element('dd', {}, words)))));
  }

  beforePrint() {
    document.querySelector('.printed')?.remove();
    if (this.views.has(this.current)) this.sections.get(this.current).append(this.workbench.printTable());
  }
}

/** Puts the texts into lower case, a column at a time while the page is idle, so that the first search is as quick as the next. */
function prepareSearch(findings) {
  const idle = globalThis.requestIdleCallback ?? ((work) => setTimeout(work, 200));
  const waiting = findings.columns.filter((column) => column.kind === 'text');
  const next = () => {
    waiting.shift()?.lower();
    if (waiting.length > 0) idle(next);
  };
  idle(next);
}

/** Without the findings the plain page stays, with a sentence that says why. */
function fail(error) {
  document.documentElement.classList.remove('js');
  const place = document.getElementById('failure');
  place.hidden = false;
  place.textContent = `The interactive tables cannot be shown (${error?.message ?? error}). The summary is complete; each query shows its first findings.`;
}

document.addEventListener('DOMContentLoaded', async () => {
  try {
    setTheme(readTheme());
    if (typeof DecompressionStream === 'undefined') throw new Error('this browser cannot unpack them; versions since 2023 can');
    const findings = readFindings(await unpack('data-findings'));
    page = new Page(findings);
    document.documentElement.classList.add('ready');
    prepareSearch(findings);
  } catch (error) {
    fail(error);
  }
});
