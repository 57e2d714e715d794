// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// node report.mjs CHROMIUM PAGE.html LIVE_URL BUNDLE OUT: the report as a file and live, at desktop and phone width, light and dark:
// nothing on the console, nothing asked of the network, no sideways scrolling, everything by keyboard; without scripts, too.
import puppeteer from 'puppeteer-core';
import { pathToFileURL } from 'node:url';

// node report.mjs CHROMIUM live URL TASK PID: a run of which TASK hangs in process PID, which is killed here; the page follows to its end.
const [, , chromium, page, live, bundled, out] = process.argv;
const bundle = bundled === '1', file = pathToFileURL(page).href;
let failures = 0;
const check = (ok, text) => { if (!ok) { failures++; console.log('FAIL: ' + text); } };
const pause = (ms) => new Promise((r) => setTimeout(r, ms));

// --no-sandbox: tests run as root in containers; the pages are ours
const browser = await puppeteer.launch({ executablePath: chromium, protocolTimeout: 300000,
  args: ['--no-sandbox', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--ignore-gpu-blocklist'] });

async function open(url, width, scheme, scripts = true) {
  const p = await browser.newPage(), where = `${url.slice(0, 4)} ${width} ${scheme}${scripts ? '' : ' no scripts'}`;
  p.on('console', (m) => check(false, `${where}: console ${m.type()}: ${m.text()}`));
  p.on('pageerror', (e) => check(false, `${where}: ${e.stack || e}`));
  p.on('request', (r) => check(/^(data|blob):/.test(r.url()) || r.url().startsWith(url), `${where}: asks for ${r.url().slice(0, 90)}`));
  p.on('requestfailed', (r) => check(false, `${where}: ${r.url().slice(0, 90)} failed`));
  await p.setJavaScriptEnabled(scripts);
  await p.setViewport({ width, height: 900 });
  await p.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
  await p.goto(url, { waitUntil: 'load', timeout: 120000 });
  const [inner, wide] = await p.evaluate(() => [innerWidth, document.documentElement.scrollWidth]);
  check(inner === width && wide <= width, `${where}: ${wide} pixels wide`);
  return p;
}

const luminance = (p, selector, property) => p.$eval(selector, (e, q) => {
  const c = getComputedStyle(e)[q].match(/[\d.]+/g).map((v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
  return 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2];
}, property);

async function contrast(p, where, text, ground) {
  const a = await luminance(p, text, text.startsWith('svg') ? 'fill' : 'color'), b = await luminance(p, ground, 'backgroundColor');
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  check(ratio >= 4.5, `${where}: ${text} on ${ground}: contrast ${ratio.toFixed(1)}`);
}

// Tab reaches every link, button, plot and fold of the page, in its order.
async function tabs(p, where) {
  const wanted = await p.evaluate(() => [...document.querySelectorAll('a[href],button,summary,input,[tabindex="0"]')]
    .filter((e) => e.checkVisibility()).length);
  let seen = 0;
  for (let i = 0; i < wanted + 20; i++) {
    await p.keyboard.press('Tab');
    const again = await p.evaluate(() => {
      const e = document.activeElement;
      if (!e || e === document.body || e.dataset.seen) return true;
      e.dataset.seen = 1;
      return false;
    });
    if (!again) seen++;
  }
  check(seen >= wanted, `${where}: Tab reaches ${seen} of ${wanted}`);
}

async function interactive(p, where) {
  const [plots, drawn, hidden] = await p.evaluate(() => [document.querySelectorAll('figure.plot').length,
    document.querySelectorAll('figure.plot canvas').length, [...document.querySelectorAll('figure.plot .static')].filter((e) => e.hidden).length]);
  check(plots > 5 && plots === drawn && plots === hidden, `${where}: ${drawn} of ${plots} plots drawn, ${hidden} replaced`);
  const [wrong, most] = await p.evaluate(() => {
    const bad = [], figures = [...document.querySelectorAll('figure.plot')], plot = (f) => JSON.parse(f.dataset.plot);
    for (const f of figures) {
      const shown = [...f.querySelectorAll('.u-legend .u-series')].filter((r) => r.style.display !== 'none').map((r) => r.querySelector('.u-label').textContent);
      const names = plot(f).series.filter((s) => s.legend).map((s) => s.name);
      if (shown.filter((n) => n !== plot(f).x.label).join('|') !== names.join('|')) bad.push(`${f.id}: ${shown} for ${names}`);
    }
    return [bad, Math.max(...figures.map((f) => plot(f).series.length))];
  });
  check(!wrong.length, `${where}: legend of ${wrong}`);
  check(most > 8, `${where}: no plot of more than 8 series, at most ${most}`); // its legend is another one
  await p.evaluate(() => document.querySelector('#force-error .interactive').focus());
  await p.keyboard.press('ArrowRight');
  await pause(200);
  const legend = await p.$eval('#force-error .u-legend', (e) => e.textContent);
  check(/\d\.\d/.test(legend), `${where}: the arrow key reads no point: ${legend}`);
  await p.evaluate(() => document.getElementById('structures').scrollIntoView());
  await p.waitForSelector('.viewer canvas', { timeout: 60000 });
  await pause(1000);
  check(await p.$eval('.viewer canvas', (c) => c.width > 100), `${where}: no structure`);
  await p.$eval('.viewer input', (e) => { e.value = 3; e.dispatchEvent(new Event('input')); });
  await p.evaluate(() => document.querySelector('.viewer .controls button').click());
  await pause(600);
  check(await p.$eval('.viewer input', (e) => +e.value !== 3), `${where}: the trajectory does not play`);
  await p.evaluate(() => document.querySelector('.viewer .controls button').click());
}

async function follow(url, task, pid) {
  const p = await open(url, 1280, 'light'), text = (id) => p.$eval(id, (e) => e.textContent);
  await p.waitForFunction((t) => [...document.querySelectorAll('#live-tasks button')].some((b) => b.textContent === t), { timeout: 60000 }, task);
  check(/running, iteration 0: train/.test(await text('#live-state')), 'live: ' + await text('#live-state'));
  check(!(await p.$('#force-error')), 'live: errors before there are any');
  await p.evaluate((t) => [...document.querySelectorAll('#live-tasks button')].find((b) => b.textContent === t).focus(), task);
  await p.keyboard.press('Enter');
  await p.waitForFunction((t) => document.querySelector('#live-log h3').textContent === t + '/worker.log', { timeout: 30000 }, task);
  process.kill(+pid, 'SIGKILL');
  await p.waitForFunction(() => document.getElementById('live-state').textContent.startsWith('finished'), { timeout: 120000 });
  await p.waitForSelector('#force-error', { timeout: 60000 }); // the body came anew
  check(/worker was killed|signal|lost/i.test(await text('#failures')), 'live: the failure is not told: ' + await text('#failures'));
}

async function files() {
  for (const width of [1280, 390])
    for (const scheme of ['light', 'dark']) {
      const where = `file ${width} ${scheme}`, p = await open(file, width, scheme);
      await contrast(p, where, 'p', 'body');
      await contrast(p, where, 'figcaption', 'body');
      await contrast(p, where, 'a.csv', 'body');
      if (bundle) await interactive(p, where);
      await p.evaluate((id) => document.getElementById(id).scrollIntoView(), bundle && width < 1000 ? 'structures' : 'diffusion');
      await pause(300);
      if (width === 1280 ? scheme === 'light' : scheme === 'dark') await p.screenshot({ path: `${out}/report-${width}-${scheme}.png` });
      if (width === 1280 && scheme === 'light') await tabs(p, where);
      await p.close();
    }

  const still = await open(file, 390, 'dark', false);
  const drawn = await still.$$eval('figure.plot .static svg', (l) => l.filter((e) => e.checkVisibility() && e.getBoundingClientRect().width > 200).length);
  check(drawn === (await still.$$('figure.plot')).length && drawn > 5, `without scripts: ${drawn} plots`);
  await contrast(still, 'no scripts', 'svg text.l', 'body');
  await still.close();

  const now = await open(live, 390, 'dark');
  await now.waitForFunction(() => document.getElementById('live-state').textContent.includes('tasks done'), { timeout: 30000 });
  if (bundle) check((await now.$$('figure.plot canvas')).length > 5, 'live: no plots');
  await now.close();
}

if (page === 'live') await follow(live, bundled, out);
else await files();
await browser.close();
process.exit(failures ? 1 : 0);
