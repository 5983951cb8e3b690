// Opens an HTML report in Chromium and uses it: search, filter, sort, details, columns, export, address, keys, theme, paper.
//
//   node tests/browser/report.mjs REPORT.html [FOLDER-FOR-SCREENSHOTS]
//
// Needs playwright-core (npm install playwright-core in the current folder or above this file) and Chromium (the variable
// CHROMIUM names the program, /usr/bin/chromium otherwise). Every check runs, or the script fails: a report without findings, a
// missing program and a failed check all end with a status that is not 0.

import { createRequire } from 'node:module';
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [file, screenshots] = process.argv.slice(2);
if (!file) {
  console.error('usage: node report.mjs REPORT.html [FOLDER-FOR-SCREENSHOTS]');
  process.exit(2);
}

async function playwright() {
  try {
    return await import('playwright-core');
  } catch {
    return createRequire(path.join(process.cwd(), 'package.json'))('playwright-core');
  }
}

const { chromium } = await playwright();
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync',
    '--enable-precise-memory-info'],
});

const address = pathToFileURL(path.resolve(file)).href;
const failures = [];
const complaints = [];
let checks = 0;

function check(name, passed, detail = '') {
  checks++;
  console.log(`${passed ? 'ok  ' : 'FAIL'}  ${name}${detail === '' ? '' : `  (${detail})`}`);
  if (!passed) failures.push(name);
}

async function newPage(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, acceptDownloads: true, ...options });
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const page = await context.newPage();
  page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) complaints.push(`console: ${message.text()}`); });
  page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
  page.on('dialog', (dialog) => { complaints.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(address) && !url.startsWith('data:') && !url.startsWith('blob:')) complaints.push(`request: ${url}`);
  });
  return page;
}

async function open(page, fragment) {
  await page.goto('about:blank');
  await page.goto(address + fragment);
  await page.waitForFunction(() => document.documentElement.classList.contains('ready'), null, { timeout: 30000 });
}

const picture = async (page, name, options = {}) => {
  if (screenshots) await page.screenshot({ path: path.join(screenshots, `${name}.png`), ...options });
};
if (screenshots) mkdirSync(screenshots, { recursive: true });

/** Waits until the page has answered the last keys and clicks. */
async function settle(page) {
  await page.evaluate(() => new Promise((resolve) => { setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(resolve)), 50); }));
  await page.waitForFunction(() => isSettled(), null, { timeout: 10000 });
}
const status = (page) => page.locator('.status').textContent();
const shownRows = async (page) => Number((await status(page)).replace(/[ ].*$/s, '').replaceAll(',', ''));
const column = async (page, label) => page.evaluate((wanted) => {
  const headers = [...document.querySelectorAll('.virtual thead th')].map((th) => th.querySelector('.label').firstChild.textContent);
  const at = headers.indexOf(wanted);
  return [...document.querySelectorAll('.virtual tbody tr:not(.spacer)')].map((tr) => tr.children[at].textContent);
}, label);

try {
  const page = await newPage();

  // Opening, with the clock on.
  await open(page, '#all');
  await page.waitForSelector('.virtual tbody tr:not(.spacer)', { timeout: 30000 });
  const opened = await page.evaluate(() => performance.now());
  const total = await shownRows(page);
  check('the report has findings to use', total > 0, `${total} findings`);
  const inPage = await page.locator('.virtual tbody tr:not(.spacer)').count();
  check('only the rows in sight are in the page', inPage < 80, `${inPage} rows`);
  check('opens within 2 s', opened < 2000, `${Math.round(opened)} ms`);
  const heap = await page.evaluate(() => performance.memory?.usedJSHeapSize ?? 0);
  console.log(`      file ${readFileSync(file).length} bytes, heap ${Math.round(heap / 1e6)} MB`);

  // Summary.
  await page.click('nav.side a[href^="#summary"]');
  await settle(page);
  check('summary is shown alone', await page.locator('#summary').isVisible() && !await page.locator('#all').isVisible());
  const blind = await page.locator('.blind').count();
  check('blind spots, if any, stand above everything', blind === 0 || (await page.locator('.blind').boundingBox()).y === 0, `${blind} banner`);
  await picture(page, 'summary', { fullPage: true });
  for (const view of ['coverage', 'exceptions', 'run']) {
    await page.click(`nav.side a[href^="#${view}"]`);
    await settle(page);
    check(`section ${view} is shown`, await page.locator(`#${view}`).isVisible());
    await picture(page, view, { fullPage: true });
  }

  // The numbers of the summary, and what their links open.
  await open(page, '#summary');
  const number = (text) => Number(text.replaceAll(',', ''));
  const totals = (await page.locator('#summary .card strong').allTextContents()).map(number);
  const linked = await page.locator('#summary .ranking tbody tr').evaluateAll((rows) => rows.map((row) => ({
    link: row.querySelector('a').getAttribute('href'),
    calls: row.querySelector('td').firstChild.textContent,
    findings: row.querySelector('td .small').textContent,
  })));
  const wrong = [];
  for (const { link, calls, findings } of linked) {
    await open(page, link);
    const said = await status(page);
    if (await shownRows(page) !== number(findings.split(' ')[0]) || !said.includes(`· ${calls} call`)) wrong.push(`${link}: ${calls}, ${findings}, opens ${said}`);
  }
  check('a bar opens what it counts', wrong.length === 0, wrong.slice(0, 2).join('; ') || `${linked.length} bars`);
  await open(page, '#all');
  const all = /· ([\d,]+) calls?/.exec(await status(page));
  check('all findings count the calls that the summary counts', totals.length === 0 || number(all[1]) === totals.reduce((sum, calls) => sum + calls, 0), await status(page));
  check('columns of a group stand together', await page.evaluate(() => {
    const groups = workbench().findings.columns.map(({ group }) => group);
    return groups.every((group, i) => i === 0 || groups[i - 1] === group || !groups.slice(0, i).includes(group));
  }));

  // Search.
  const firstOperation = (await column(page, 'Operation'))[0];
  await page.keyboard.press('/');
  check('/ moves to the search', await page.evaluate(() => document.activeElement.id) === 'search');
  await page.keyboard.type(firstOperation);
  await settle(page);
  const found = await shownRows(page);
  check('search finds the rows of an operation', found > 0 && found <= total, `${found} of ${total}`);
  check('search is in the address', page.url().includes(`q=${encodeURIComponent(firstOperation)}`), page.url().slice(address.length));
  await picture(page, 'search');
  await page.fill('#search', 'no such words anywhere 4711');
  await settle(page);
  check('a search without answer says so', await shownRows(page) === 0 && await page.locator('.grid-frame .empty').isVisible());
  await page.fill('#search', '');
  await settle(page);
  check('an empty search shows all again', await shownRows(page) === total);

  // Filter.
  await page.click('th:has(.sort:has-text("Verdict")) .filter');
  const facet = page.locator('.facets label').first();
  const facetName = await facet.locator('.facet').textContent();
  const facetCount = Number((await facet.locator('.number').textContent()).replaceAll(',', ''));
  await facet.locator('input').check();
  await settle(page);
  await picture(page, 'filter');
  await page.keyboard.press('Escape');
  await settle(page);
  check('a value of a column filters', await shownRows(page) === facetCount, `${facetName}: ${facetCount}`);
  check('only that value is left', (await column(page, 'Verdict')).every((text) => text === facetName));
  check('filter is in the address and on a chip', page.url().includes('f.verdict=is') && await page.locator('.chip').count() === 1);
  await page.click('th:has(.sort:has-text("Calls")) .filter');
  await page.fill('.popover input[type="number"] >> nth=0', '2');
  await settle(page);
  await page.keyboard.press('Escape');
  check('a range of numbers filters', (await column(page, 'Calls')).every((text) => Number(text.replaceAll(',', '')) >= 2));
  const filteredUrl = page.url();
  const filteredRows = await shownRows(page);
  await open(page, filteredUrl.slice(address.length));
  check('the address restores filters', await shownRows(page) === filteredRows && await page.locator('.chip').count() === 2, `${filteredRows} rows`);
  await page.click('.chip >> nth=0');
  await settle(page);
  check('a chip removes its filter', await page.locator('.chip').count() === 1);
  await page.click('button:has-text("Reset")');
  await settle(page);
  check('reset shows all again', await shownRows(page) === total);

  // Sort.
  await page.click('th .sort:has-text("Calls")');
  await settle(page);
  let calls = (await column(page, 'Calls')).map((text) => Number(text.replaceAll(',', '')));
  check('numbers sort descending first', calls.every((value, i) => i === 0 || calls[i - 1] >= value));
  await page.click('th .sort:has-text("Calls")');
  await settle(page);
  calls = (await column(page, 'Calls')).map((text) => Number(text.replaceAll(',', '')));
  check('and ascending then', calls.every((value, i) => i === 0 || calls[i - 1] <= value));
  check('aria-sort says so', await page.locator('th:has(.sort:has-text("Calls"))').getAttribute('aria-sort') === 'ascending');
  await page.click('th .sort:has-text("Operation")', { modifiers: ['Shift'] });
  await settle(page);
  const operations = await column(page, 'Operation');
  calls = (await column(page, 'Calls')).map((text) => Number(text.replaceAll(',', '')));
  check('Shift sorts by a second column', await page.locator('th[aria-sort]').count() === 2
    // Findings about what exists have no operation; they stand together at one end.
    && operations.every((value, i) => i === 0 || calls[i - 1] !== calls[i] || !/\w/.test(value) || !/\w/.test(operations[i - 1])
      || operations[i - 1].toLowerCase() <= value.toLowerCase()));
  check('order is in the address', decodeURIComponent(page.url()).includes('sort=event_count,event_name'));

  // Keys and details.
  await page.click('button:has-text("Reset")');
  await settle(page);
  await page.keyboard.press('ArrowDown');
  const rowOf = () => page.evaluate(() => document.activeElement.closest('tr')?.getAttribute('aria-rowindex') ?? null);
  check('arrow down moves from the search to the rows', await rowOf() === '2');
  if (total > 1) {
    await page.keyboard.press('ArrowDown');
    check('arrow down moves to the next row', await rowOf() === '3');
    await page.keyboard.press('ArrowUp');
  }
  await page.keyboard.press('End');
  check('End moves to the last row', await rowOf() === String(total + 1), await rowOf());
  await page.keyboard.press('Home');
  check('Home moves to the first row', await rowOf() === '2');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.details:not([hidden]) .sample > *');
  await settle(page);
  const fields = await page.locator('.details .fields > div').count();
  check('Enter opens the details with every field', fields >= 40, `${fields} fields`);
  check('the details say the reason once', await page.evaluate(() => {
    const reason = document.querySelector('.details .reason')?.textContent;
    return !reason || document.querySelector('.details-body').textContent.split(reason).length === 2;
  }));
  check('details are grouped', await page.locator('.details h4').count() >= 6);
  check('open row is in the address and marked', page.url().includes('row=') && await page.locator('tr[aria-selected="true"]').count() === 1);
  await picture(page, 'details');
  await page.locator('.details .sample').scrollIntoViewIfNeeded();
  await picture(page, 'sample');
  const rowUrl = page.url();
  await page.keyboard.press('Escape');
  check('Esc closes the details and returns to the row', !await page.locator('.details').isVisible() && await rowOf() === '2');
  await open(page, rowUrl.slice(address.length));
  check('the address restores the open row', await page.locator('.details').isVisible());
  const idRow = page.locator('.details .fields > div').first();
  await idRow.hover();
  await idRow.locator('button:has-text("Copy")').click();
  await settle(page);
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  check('a value can be copied', copied === await idRow.locator('.value').textContent(), copied);
  const samples = await page.evaluate(() => loadSamples().then((all) => Object.keys(all)));
  if (samples.length > 0) {
    const withSample = await page.evaluate(async (ids) => {
      const findings = workbench().findings;
      const id = findings.column('sample_event_id');
      for (let row = 0; row < findings.rows; row++) if (ids.includes(id.value(row))) return findings.column('finding_id').value(row);
      return null;
    }, samples);
    if (withSample) {
      await open(page, `#all?row=${withSample}`);
      await page.waitForSelector('.details .sample pre');
      const text = await page.locator('.details .sample pre').textContent();
      check('the sample event is shown, indented, as JSON', JSON.parse(text) !== null && text.includes('\n  "'));
      await page.locator('.details .sample').scrollIntoViewIfNeeded();
      await picture(page, 'sample-event');
    } else {
      check('an embedded sample belongs to a finding', false);
    }
  } else {
    check('without embedded samples the panel says how to look one up', /event files|names no sample event/.test(await page.locator('.details .sample').textContent()));
  }

  // Columns.
  await open(page, '#all');
  const before = await page.locator('.virtual thead th').count();
  await page.click('button:has-text("Columns")');
  await page.locator('.column-groups label:has-text("Reason") input').uncheck();
  await picture(page, 'columns');
  await page.keyboard.press('Escape');
  await settle(page);
  check('a column can be hidden', await page.locator('.virtual thead th').count() === before - 1 && page.url().includes('cols='));

  // Export.
  const download = async (label) => {
    await page.click('.toolbar button:has-text("Export")');
    const [file] = await Promise.all([page.waitForEvent('download'), page.click(`.menu button:has-text("${label}")`)]);
    return readFileSync(await file.path(), 'utf8');
  };
  const json = JSON.parse(await download('JSON, all columns'));
  check('JSON export has the rows on show', json.length === total && Object.keys(json[0]).length >= 40, `${json.length} objects`);
  const csv = await download('CSV, all columns');
  const cells = csv.match(/"(?:[^"]|"")*"|[^,\r\n]+/g) ?? [];
  check('CSV export has no formula', cells.every((cell) => !/^"?[=+\-@\t\r]/.test(cell)), `${cells.length} cells`);
  check('CSV export has the rows on show', csv.trimEnd().split('\r\n').length >= total + 1);

  // Each query has its table.
  const queries = await page.locator('section[id^="query-"]').evaluateAll((sections) => sections.map((section) => section.id));
  check('there are queries', queries.length > 0, `${queries.length}`);
  for (const query of queries) {
    await open(page, `#${encodeURIComponent(query)}`);
    check(`${query} has its table`, await page.locator(`section[id="${query}"] .workbench`).isVisible(), await status(page));
  }
  // What is denied already has neither SQL nor a policy.
  const asked = await page.locator('section[id^="query-"]:has(.sql)').evaluateAll((sections) => sections.map((section) => section.id));
  await open(page, `#${encodeURIComponent(asked.at(-1))}`);
  // Of a replay it is open.
  if (await page.locator('.view.current .about:not([open])').count() > 0) await page.locator('.view.current .about > summary').click();
  await page.locator('.view.current .sql > summary').click();
  await page.locator('.view.current .sql button').click();
  await settle(page);
  check('SQL, or the policy, can be copied', /select|"Statement"/i.test(await page.evaluate(() => navigator.clipboard.readText())));
  await picture(page, 'sql');
  check('descriptions link only to the web', (await page.locator('.prose a').evaluateAll((links) => links.map((link) => link.protocol))).every((protocol) => protocol === 'https:' || protocol === 'http:'));

  // How long questions take, measured at the functions that answer them.
  await open(page, '#all');
  const taken = await page.evaluate(() => {
    const { findings, view } = workbench();
    const time = (work) => { const start = performance.now(); work(); return Math.round(performance.now() - start); };
    const ask = (change) => { const question = emptyQuestion(); change(question); return () => answer(findings, view, question); };
    return {
      'first search': time(ask((question) => { question.search = 'partner'; })),
      'next search': time(ask((question) => { question.search = 'lambda prod'; })),
      'first sort by a text': time(ask((question) => { question.sort = [{ name: 'resource_arn', descending: false }]; })),
      'sort by calls': time(ask((question) => { question.sort = [{ name: 'event_count', descending: true }]; })),
      'sort by two columns': time(ask((question) => { question.sort = [{ name: 'account_id', descending: false }, { name: 'last_seen', descending: true }]; })),
    };
  });
  console.log(`      ${Object.entries(taken).map(([what, milliseconds]) => `${what} ${milliseconds} ms`).join(', ')}`);
  check('searching and sorting take less than a second', Object.values(taken).every((milliseconds) => milliseconds < 1000));

  // Theme.
  await page.click('#theme');
  await page.click('#theme');
  check('the theme can be dark', await page.evaluate(() => getComputedStyle(document.body).color) !== 'rgb(24, 32, 43)' && (await page.locator('#theme').textContent()) === 'Theme: dark');
  await picture(page, 'dark');
  await page.click('nav.side a[href^="#summary"]');
  await settle(page);
  await picture(page, 'dark-summary');

  // Paper.
  await page.emulateMedia({ media: 'print' });
  await open(page, queries.length > 0 ? `#${encodeURIComponent(queries[0])}` : '#all');
  const pdf = await page.pdf({ preferCSSPageSize: true });
  check('a table can be printed', pdf.length > 5000, `${pdf.length} bytes`);
  await page.evaluate(() => dispatchEvent(new Event('beforeprint')));
  check('paper has rows', await page.locator('.printed tbody tr').count() > 0 || (await status(page)).startsWith('0 '));
  await picture(page, 'print', { fullPage: true });
  // The width of A4 between its margins, at 96 pixels an inch.
  await page.setViewportSize({ width: 703, height: 1032 });
  for (const view of ['#summary', '#exceptions']) {
    await open(page, view);
    const tooWide = await page.evaluate(outsideOfPaper);
    check(`nothing is cut off on paper in ${view}`, tooWide.length === 0, tooWide.slice(0, 3).join('; '));
    const narrow = await page.locator('.exceptions .sentence').evaluateAll((cells) => cells.filter((cell) => cell.checkVisibility() && cell.offsetWidth < 150).length);
    check(`sentences have room on paper in ${view}`, narrow === 0);
    await picture(page, `print-${view.slice(1)}`, { fullPage: true });
  }
  await open(page, '#summary');
  check('paper says that the findings are not on it', await page.locator('#summary .paper').isVisible());
  check('the first page of paper is used', await page.evaluate(() => {
    // A table that may not be broken leaves the rest of the page before it empty.
    const tables = [...document.querySelectorAll('#summary .panel')].filter((panel) => panel.querySelector('table') && !panel.closest('.rankings'));
    return tables.every((panel) => getComputedStyle(panel).breakInside === 'auto');
  }));
  check('the line above says all of its words side by side', await page.evaluate(() => document.querySelector('.meta').offsetHeight < 3 * parseFloat(getComputedStyle(document.querySelector('.meta')).lineHeight)));
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.emulateMedia({ media: null });

  // A narrow screen: only what is inside of a card may scroll sideways.
  const phone = await newPage({ viewport: { width: 420, height: 800 } });
  for (const view of ['summary', 'coverage', 'exceptions', 'run', 'all', ...queries.slice(0, 3)]) {
    await open(phone, `#${encodeURIComponent(view)}`);
    const width = await phone.evaluate(() => document.documentElement.scrollWidth);
    check(`${view} does not scroll sideways`, width <= 420, `${width} pixels`);
    const cut = await phone.evaluate(() => [...document.querySelectorAll('.tools button')].filter((button) => button.getBoundingClientRect().right > innerWidth).length);
    check(`the buttons above ${view} are on the screen`, cut === 0);
    if (view === 'all' || view.startsWith('query-')) {
      const top = await phone.evaluate(() => document.querySelector('.split').getBoundingClientRect().top);
      check(`${view} begins in the upper half of the screen`, top < 400, `${Math.round(top)} of 800 pixels`);
    }
    await picture(phone, `phone-${view.replaceAll(':', '-')}`, { fullPage: !view.startsWith('query-') && view !== 'all' });
  }
  const spilled = await phone.evaluate(() => {
    const found = [];
    for (const section of document.querySelectorAll('section.view:not(.table-view)')) {
      section.classList.add('current');
      for (const table of section.querySelectorAll('.panel table')) {
        const card = (table.closest('.scroll') ?? table).getBoundingClientRect();
        if (card.right > table.closest('.panel').getBoundingClientRect().right) found.push(table.caption?.textContent ?? 'a table');
      }
    }
    return found;
  });
  check('tables stay within their cards', spilled.length === 0, spilled.join('; '));
  await phone.context().close();

  // Contrast of what is on show, light and dark.
  for (const colorScheme of ['light', 'dark']) {
    const themed = await newPage({ colorScheme });
    for (const view of ['#summary', '#coverage', '#exceptions', '#all']) {
      await open(themed, view);
      if (view === '#all') await themed.locator('.virtual tbody tr:not(.spacer)').first().click();
      const poor = await themed.evaluate(contrastBelow, 4.5);
      check(`contrast is at least 4.5 in ${view}, ${colorScheme}`, poor.length === 0, poor.slice(0, 3).join('; '));
    }
    await themed.context().close();
  }

  // Without the script.
  const plain = await newPage({ javaScriptEnabled: false });
  await plain.goto(address);
  check('without the script the summary is there', await plain.locator('#summary .headline').isVisible());
  check('without the script each query has its rows or says that it has none',
    await plain.locator('section[id^="query-"]').count() === await plain.locator('.plain:has(tbody tr), .plain .empty').count());
  check('without the script nothing is offered that needs it', await plain.locator('.script-only >> visible=true').count() === 0);
  await picture(plain, 'plain', { clip: { x: 0, y: 0, width: 1440, height: 2400 }, fullPage: true });

  check('nothing was requested, no error was reported, no dialog opened', complaints.length === 0, complaints.slice(0, 5).join('; '));
} catch (error) {
  check('the script came to its end', false, error.stack);
} finally {
  await browser.close();
}

/** What stands beyond the right edge of the page. Runs in the page. */
function outsideOfPaper() {
  return [...document.querySelectorAll('body *')]
    .filter((node) => node.checkVisibility() && !node.closest('.hidden, svg, .skip') && node.getBoundingClientRect().right > innerWidth + 1)
    .map((node) => `${node.tagName} ${node.className} ${Math.round(node.getBoundingClientRect().right)}`);
}

/** Texts on show whose contrast to their background is below the limit. Runs in the page. */
function contrastBelow(limit) {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((part) => { const share = part / 255; return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const background = (node) => {
    for (let each = node; each; each = each.parentElement) {
      const color = rgba(getComputedStyle(each).backgroundColor);
      if (color[3] > 0.99) return color;
    }
    return rgba(getComputedStyle(document.documentElement).backgroundColor);
  };
  const poor = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !node.checkVisibility() || node.closest(':disabled, .hidden, .skip, script')) continue;
    const style = getComputedStyle(node);
    const [a, b] = [luminance(rgba(style.color)), luminance(background(node))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < limit) poor.add(`${ratio.toFixed(2)} "${walker.currentNode.data.trim().slice(0, 30)}" ${node.className}`);
  }
  return [...poor];
}

console.log(failures.length === 0 ? `all ${checks} checks passed` : `${failures.length} of ${checks} checks failed: ${failures.join('; ')}`);
process.exit(failures.length === 0 ? 0 : 1);
