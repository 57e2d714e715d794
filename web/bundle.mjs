// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// node bundle.mjs: lib.js and lib.css, the packages' own minified files one behind the other with their licences. What would end a
// <script> within it is written so that it does not.
import { readFileSync, writeFileSync } from 'node:fs';

const read = (path) => readFileSync('node_modules/' + path, 'utf8');
const licence = (name) => '/*! ' + name + '\n' + read(name + '/LICENSE').replaceAll('*/', '* /') + '\n*/\n';
const script = (text) => text.replace(/<\/(script)/gi, '<\\/$1');

writeFileSync('lib.css', read('uplot/dist/uPlot.min.css'));
writeFileSync('lib.js', script(licence('uplot') + read('uplot/dist/uPlot.iife.min.js') + '\n' +
  licence('3dmol') + read('3dmol/build/3Dmol-min.js') + '\n'));
