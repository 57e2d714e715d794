// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// node picture.mjs CHROMIUM PAGE.html SECTION WIDTH light|dark HEIGHT OUT.png: a section of a report (`overview`, `diffusion` ..: its id) as it
// is on a screen of that width, its first HEIGHT pixels: the pictures of docs/pictures. Run it in build/dev/web-test, where puppeteer is.
import { pathToFileURL } from 'node:url';
import { createRequire } from 'node:module';

const puppeteer = createRequire(process.cwd() + '/')('puppeteer-core');
const [, , chromium, page, section, width, scheme, height, out] = process.argv;
const browser = await puppeteer.launch({ executablePath: chromium, protocolTimeout: 300000,
  args: ['--no-sandbox', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--ignore-gpu-blocklist'] });
const p = await browser.newPage();
await p.setViewport({ width: +width, height: 900 });
await p.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
await p.goto(pathToFileURL(page).href, { waitUntil: 'load', timeout: 120000 });
await new Promise((r) => setTimeout(r, 3000));
const box = await (await p.$('#' + section)).boundingBox();
await p.screenshot({ path: out, clip: { x: 0, y: box.y, width: +width, height: Math.min(box.height, +height) }, captureBeyondViewport: true });
await browser.close();
