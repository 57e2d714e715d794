// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The page's own script. Plots: each figure's numbers are in its CSV link, how to draw them in data-plot. Structures: XYZ in the page.
// Live (alnd serve): polls status.json, and takes the page's body anew when a task has ended.
(function () {
  'use strict';
  var palette = ['#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', null]; // Okabe and Ito; the last: grey of the page
  var LINE = 1, POINTS = 2, DASHED = 4, OPEN = 8, SQUARE = 16;
  var made = [], watcher = null;

  function css(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }
  function color(n) { return palette[(n - 1) % 7] || css('--grey'); }

  function element(tag, parent, text) {
    var e = document.createElement(tag);
    if (text !== undefined) e.textContent = text;
    if (parent) parent.appendChild(e);
    return e;
  }

  // --- plots ------------------------------------------------------------------------------------------

  function cells(line) {
    var out = [], m, re = /(?:"((?:[^"]|"")*)"|([^,]*))(?:,|$)/y;
    re.lastIndex = 0;
    while (re.lastIndex < line.length && (m = re.exec(line))) out.push(m[1] !== undefined ? m[1].replace(/""/g, '"') : m[2]);
    if (line.endsWith(',')) out.push('');
    return out;
  }

  function numbers(figure) {
    var href = figure.querySelector('a.csv').getAttribute('href'), rows = {};
    decodeURIComponent(href.slice(href.indexOf(',') + 1)).split('\n').slice(1).forEach(function (line) {
      if (!line) return;
      var c = cells(line), r = rows[c[0]] || (rows[c[0]] = []);
      r.push([+c[1], +c[2], c[3] ? +c[3] : NaN]);
    });
    return rows;
  }

  // One table for uPlot: every x once, in order. Equal ones of a series (upright lines, steps) are moved apart by what no one sees.
  function align(plot, rows) {
    var tables = plot.series.map(function (s) {
      var r = (rows[s.name] || []).filter(function (p) { return (!plot.x.log || p[0] > 0) && (!plot.y.log || p[1] > 0); });
      r = r.map(function (p, i) { return [p[0], p[1], p[2], i]; }).sort(function (a, b) { return a[0] - b[0] || a[3] - b[3]; });
      for (var i = 1; i < r.length; i++)
        if (r[i][0] <= r[i - 1][0]) r[i][0] = r[i - 1][0] + Math.max(Math.abs(r[i - 1][0]), 1e-300) * 1e-12;
      return r;
    });
    var data = tables.map(function (r) { return [r.map(function (p) { return p[0]; }), r.map(function (p) { return p[1]; })]; });
    return { data: uPlot.join(data), tables: tables };
  }

  function axis(a) {
    return { label: a.label, stroke: css('--fg'), grid: { stroke: css('--grid'), width: 1 }, ticks: { stroke: css('--line'), width: 1 },
      size: 58, labelSize: 22, incrs: a.label === 'iteration' ? [1, 2, 5, 10, 20, 50, 100, 200, 500] : undefined, values: a.log ? function (u, v) { return v.map(power); } : undefined };
  }
  function power(v) {
    if (v === null) return '';
    var e = Math.log10(v);
    return v >= 0.001 && v < 10000 ? String(+v.toPrecision(3)) : Math.abs(e - Math.round(e)) < 1e-9 ? '1e' + Math.round(e) : v.toExponential(0);
  }

  function bars(plot, tables) {
    return function (u) {
      var c = u.ctx;
      c.save();
      c.beginPath();
      c.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
      c.clip();
      plot.series.forEach(function (s, k) {
        if (!u.series[k + 1].show) return;
        c.strokeStyle = color(s.color);
        c.lineWidth = devicePixelRatio;
        tables[k].forEach(function (p) {
          if (!(p[2] > 0)) return;
          var low = p[1] - p[2], x = u.valToPos(p[0], 'x', true), w = 3 * devicePixelRatio;
          var bottom = plot.y.log && !(low > 0) ? u.bbox.top + u.bbox.height : u.valToPos(low, 'y', true), top = u.valToPos(p[1] + p[2], 'y', true);
          c.beginPath();
          c.moveTo(x, bottom); c.lineTo(x, top);
          c.moveTo(x - w, bottom); c.lineTo(x + w, bottom);
          c.moveTo(x - w, top); c.lineTo(x + w, top);
          c.stroke();
        });
      });
      c.restore();
    };
  }

  // uPlot's own points are round.
  function squares(u, k, first, last) {
    var path = new Path2D(), half = 3 * devicePixelRatio;
    for (var i = first; i <= last; i++)
      if (u.data[k][i] !== null && u.data[k][i] !== undefined)
        path.rect(u.valToPos(u.data[0][i], 'x', true) - half, u.valToPos(u.data[k][i], 'y', true) - half, 2 * half, 2 * half);
    return { stroke: path, fill: path, flags: 3 };
  }

  function series(s) {
    var line = !s.style || s.style & (LINE | DASHED), points = s.style & POINTS, c = color(s.color);
    var marks = { show: !!points, size: 6, width: 1.4, stroke: c, fill: s.style & OPEN ? css('--bg') : c };
    if (s.style & SQUARE) marks.paths = squares;
    return { label: s.name, stroke: c, width: line ? 1.6 : 0, paths: line ? undefined : function () { return null; }, spanGaps: true,
      dash: s.style & DASHED ? [6, 4] : undefined,
      points: marks,
      value: function (u, v) { return v === null || v === undefined ? '' : String(+v.toPrecision(5)); } };
  }

  function range(a) {
    if (a.log) return undefined;
    return function (u, low, high) {
      var pad = 0.05 * (high - low) || Math.abs(high) * 0.1 || 1;
      return [a.zero && low >= 0 ? 0 : low - pad, high + pad];
    };
  }

  // Arrow keys move along the points, Home and End to the ends, Escape shows all again.
  function keyboard(box, u) {
    var at = -1;
    box.tabIndex = 0;
    box.setAttribute('role', 'group');
    box.addEventListener('keydown', function (e) {
      var n = u.data[0].length, step = { ArrowLeft: -1, ArrowRight: 1, Home: -n, End: n }[e.key];
      if (e.key === 'Escape') u.setData(u.data);
      if (!step) return;
      e.preventDefault();
      at = Math.min(n - 1, Math.max(0, at + step));
      u.setCursor({ left: u.valToPos(u.data[0][at], 'x'), top: u.over.clientHeight / 2 });
    });
  }

  function draw(figure) {
    var plot = JSON.parse(figure.dataset.plot), a = align(plot, numbers(figure)), box = figure.querySelector('.interactive');
    var still = figure.querySelector('.static');
    if (!box) {
      box = document.createElement('div');
      box.className = 'interactive';
      box.setAttribute('aria-label', figure.querySelector('b').textContent + ': arrow keys read the points');
      figure.insertBefore(box, still);
    }
    box.textContent = '';
    still.hidden = true;
    var width = Math.max(200, box.clientWidth), live = plot.series.length <= 8;
    var u = new uPlot({ width: width, height: Math.round(Math.min(360, width * 0.75)), 
      scales: { x: { time: false, distr: plot.x.log ? 3 : 1, range: range(plot.x) }, y: { distr: plot.y.log ? 3 : 1, range: range(plot.y) } },
      axes: [axis(plot.x), axis(plot.y)], cursor: { drag: { x: true, y: true, uni: 20 } },
      legend: { live: live }, series: [{ label: plot.x.label }].concat(plot.series.map(series)),
      hooks: { draw: [bars(plot, a.tables)] } }, a.data, box);
    box.querySelectorAll('.u-legend .u-series').forEach(function (row, k) {
      var s = plot.series[live ? k - 1 : k]; // a live legend begins with the row of x
      if (s && !s.legend) row.style.display = 'none';
    });
    keyboard(box, u);
    made.push({ figure: figure, box: box, plot: u });
  }

  function plots() {
    if (!window.uPlot) return;
    made.forEach(function (m) { m.plot.destroy(); });
    made = [];
    document.querySelectorAll('figure.plot').forEach(function (f) {
      try { draw(f); } catch (e) { f.querySelector('.static').hidden = false; throw e; }
    });
  }

  function resize() {
    made.forEach(function (m) {
      var w = Math.max(200, m.box.clientWidth);
      if (w !== m.plot.width) m.plot.setSize({ width: w, height: Math.round(Math.min(360, w * 0.75)) });
    });
  }

  // --- structures -------------------------------------------------------------------------------------

  function corners(text) {
    var v = text.split('\n', 2)[1].split(' ').slice(1, 10).map(Number);
    return [v.slice(0, 3), v.slice(3, 6), v.slice(6, 9)];
  }

  function edges(view, cell) {
    for (var k = 0; k < 3; k++)
      for (var c = 0; c < 4; c++) {
        var s = [0, 0, 0], o = [(k + 1) % 3, (k + 2) % 3];
        s[o[0]] = c & 1; s[o[1]] = c >> 1;
        var from = [0, 1, 2].map(function (i) { return s[0] * cell[0][i] + s[1] * cell[1][i] + s[2] * cell[2][i]; });
        view.addLine({ start: { x: from[0], y: from[1], z: from[2] }, color: css('--grey'),
          end: { x: from[0] + cell[k][0], y: from[1] + cell[k][1], z: from[2] + cell[k][2] } });
      }
  }

  function show(figure) {
    var text = figure.querySelector('script').textContent, box = figure.querySelector('.view');
    var frames = text.split(/\n(?=\d+\ncell)/).length, view = $3Dmol.createViewer(box, { backgroundColor: css('--bg') });
    view.addModelsAsFrames(text, 'xyz');
    var caption = figure.querySelector('figcaption');
    figure.dataset.elements.split(' ').forEach(function (name, i) { // the colours of the parity plots
      var style = { scale: 0.28, color: color(i % 6 + 1) }, dot;
      view.setStyle({ elem: name }, { sphere: style, stick: { radius: 0.12, color: style.color } });
      if (text.indexOf('\n' + name + ' ') < 0) return;
      dot = element('span', caption);
      dot.className = 'dot';
      dot.style.background = style.color;
      element('span', caption, name);
    });
    edges(view, corners(text));
    view.zoomTo();
    view.render();
    var bar = element('div', figure), play = element('button', bar, 'Play'), slider = element('input', bar), timer = null;
    bar.className = 'controls';
    slider.type = 'range'; slider.min = 0; slider.max = frames - 1; slider.value = 0;
    slider.setAttribute('aria-label', 'frame');
    function frame() { view.setFrame(+slider.value).then(function () { view.render(); }); }
    slider.addEventListener('input', frame);
    play.addEventListener('click', function () {
      if (timer) { clearInterval(timer); timer = null; play.textContent = 'Play'; return; }
      play.textContent = 'Stop';
      timer = setInterval(function () {
        if (!figure.isConnected) { clearInterval(timer); return; }
        slider.value = (+slider.value + 1) % frames;
        frame();
      }, 150);
    });
    box.addEventListener('keydown', function (e) {
      var turn = { ArrowLeft: [-10, 'y'], ArrowRight: [10, 'y'], ArrowUp: [-10, 'x'], ArrowDown: [10, 'x'] }[e.key];
      if (!turn) return;
      e.preventDefault();
      view.rotate(turn[0], turn[1]);
    });
    figure.view = view;
  }

  // WebGL contexts are few: a viewer is made when its figure comes into sight.
  function structures() {
    var all = document.querySelectorAll('figure.viewer');
    if (watcher) watcher.disconnect();
    if (!window.$3Dmol || !document.createElement('canvas').getContext('webgl')) {
      all.forEach(function (f) { f.hidden = true; });
      var section = document.getElementById('structures');
      if (section) section.hidden = true;
      return;
    }
    watcher = new IntersectionObserver(function (entries) {
      entries.forEach(function (e) {
        if (!e.isIntersecting) return;
        watcher.unobserve(e.target);
        show(e.target);
      });
    });
    all.forEach(function (f) { watcher.observe(f); });
  }

  // --- live -------------------------------------------------------------------------------------------

  function duration(s) {
    if (s < 60) return s.toFixed(0) + ' s';
    if (s < 3600) return Math.floor(s / 60) + ' min';
    return Math.floor(s / 3600) + ' h ' + Math.floor(s / 60) % 60 + ' min';
  }

  function live() {
    var section = document.getElementById('live');
    if (!section) return;
    var state = document.getElementById('live-state'), table = document.getElementById('live-tasks'), log = document.getElementById('live-log');
    var watched = null, last = null, shown = '', stale = false, taken = Date.now();

    function tasks(s) {
      var names = s.running.map(function (t) { return t.task; }).join('\n');
      if (names !== shown) { // a row keeps its button, so that the keyboard's place is kept
        shown = names;
        table.textContent = '';
        s.running.forEach(function (t) {
          var row = element('tr', table), cell = element('td', row), b = element('button', cell, t.task);
          b.addEventListener('click', function () { watched = t.task; tail(); });
          element('progress', element('td', row)).setAttribute('aria-label', t.task);
          element('td', row); element('td', row);
        });
      }
      s.running.forEach(function (t, i) {
        var c = table.rows[i].cells, bar = c[1].firstChild;
        if (t.total > 0) { bar.max = t.total; bar.value = t.done; } else bar.removeAttribute('value');
        c[2].textContent = t.text;
        c[3].textContent = duration(t.seconds);
      });
    }

    function status(s) {
      var done = s.count.DONE || 0, text = s.state + ', ' + s.stage;
      if (s.stage_total) text += ', ' + s.stage_done + ' of ' + s.stage_total + ' tasks';
      if (s.tasks_per_hour) text += ', ' + s.tasks_per_hour.toPrecision(3) + ' an hour, ' + duration(s.stage_seconds_left) + ' left of this stage';
      text += '. ' + done + ' of ' + s.tasks + ' planned tasks done, ' + (s.count.FAILED || 0) + ' failed; ' + duration(s.seconds) + ' in all.';
      if (s.message) text += ' ' + s.message;
      state.textContent = text;
      tasks(s);
      var now = done + '/' + (s.count.FAILED || 0) + '/' + s.state;
      if (last !== null && now !== last) stale = true;
      last = now;
      if (stale && (Date.now() - taken > 10000 || s.state !== 'running')) { // the body costs the server more than the status
        stale = false;
        taken = Date.now();
        refresh();
      }
    }

    function tail() {
      if (!watched) return;
      fetch('log?task=' + encodeURIComponent(watched)).then(function (r) { return r.text(); }).then(function (text) {
        log.hidden = false;
        log.querySelector('h3').textContent = watched + '/worker.log';
        log.querySelector('pre').textContent = text || '(nothing yet)';
      }).catch(function () {});
    }

    function refresh() {
      fetch('./').then(function (r) { return r.text(); }).then(function (text) {
        var open = Array.prototype.map.call(document.querySelectorAll('main details'), function (d) { return d.open; });
        var fresh = new DOMParser().parseFromString(text, 'text/html').getElementById('report');
        document.getElementById('report').replaceWith(fresh);
        fresh.querySelectorAll('details').forEach(function (d, i) { if (i < open.length) d.open = open[i]; });
        plots();
        structures();
      }).catch(function () {});
    }

    function poll() {
      fetch('status.json').then(function (r) { return r.json(); }).then(status, function () { state.textContent = 'no answer from alnd serve'; })
        .then(tail).then(function () { setTimeout(poll, document.hidden ? 10000 : 2000); });
    }
    poll();
  }

  plots();
  structures();
  live();
  addEventListener('resize', resize);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', function () {
    plots();
    document.querySelectorAll('figure.viewer').forEach(function (f) { if (f.view) { f.view.setBackgroundColor(css('--bg')); f.view.render(); } });
  });
})();
