#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""alnd report and alnd serve, on a run of the worker without physics whose results are replaced by known numbers.

report.py BIN_DIR SOURCE_DIR FAKE_WORKER page              the page: numbers, form, nothing from outside, CSV
report.py BIN_DIR SOURCE_DIR FAKE_WORKER serve             the live page: token, other hosts, traversal, bodies, sizes, many connections
report.py BIN_DIR SOURCE_DIR FAKE_WORKER browser WORK_DIR  both in Chromium (report.mjs): scripts, keyboard, widths, light and dark
Exit 77: skipped, no Chromium, node, npm or network."""
import csv
import glob
import html
import html.parser
import http.client
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

import report_run
import rundirs

BIN, SOURCE, FAKE, MODE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), os.path.abspath(sys.argv[3]), sys.argv[4]
ALND = os.path.join(BIN, 'alnd')
ENV = {**os.environ, 'ALND_WORKER': FAKE}
VOID = {'meta', 'link', 'img', 'br', 'input', 'hr'}


def fail(text):
    print('FAIL:', text)
    sys.exit(1)


def check(ok, text):
    if not ok:
        fail(text)


def alnd(*args, code=0, cwd=None):
    p = subprocess.run([ALND, *args], cwd=cwd, env=ENV, capture_output=True, text=True, timeout=120)
    check(p.returncode == code, f'alnd {" ".join(args)} ended with {p.returncode}, not {code}: {p.stdout}{p.stderr}')
    return p.stdout, p.stderr


class Form(html.parser.HTMLParser):
    """Every element closed, each id once; all addresses, the links to CSV and the text of cells."""
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.addresses, self.csv, self.plots, self.rows = [], set(), [], {}, {}, []

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        check(len(a) == len(attrs), f'an attribute twice in <{tag}>')
        if 'id' in a:
            check(a['id'] not in self.ids, 'id twice: ' + a['id'])
            self.ids.add(a['id'])
        self.addresses += [a[k] for k in ('src', 'href', 'action', 'srcset', 'poster') if k in a]
        if a.get('class') == 'csv':
            self.csv[a['download']] = a['href']
        if 'data-plot' in a:
            self.plots[a['id']] = json.loads(a['data-plot'])
        if tag == 'tr':
            self.rows.append([])
        if tag in ('td', 'th') and self.rows:
            self.rows[-1].append('')
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        check(self.open and self.open[-1] == tag, f'</{tag}> closes {self.open[-3:]}')
        self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] in ('td', 'th') and self.rows:
            self.rows[-1][-1] += data


def form_of(text):
    form = Form()
    form.feed(text)
    form.close()
    check(not form.open, f'never closed: {form.open}')
    return form


def numbers(uri):
    """A CSV of the page as {series: [(x, y, error or None)]}."""
    rows = list(csv.reader(io.StringIO(urllib.parse.unquote(uri.split(',', 1)[1]))))
    out = {}
    for r in rows[1:]:
        out.setdefault(r[0], []).append((float(r[1]), float(r[2]), float(r[3]) if r[3] else None))
    return out


def near(a, b):
    return abs(a - b) <= 1e-8 * max(abs(a), abs(b), 1e-30)


def check_numbers(form):
    known = report_run
    n = {k[:-4]: numbers(v) for k, v in form.csv.items() if v.startswith('data:text/csv;charset')}
    want = {'force-error', 'energy-error', 'fractions', 'parity-energies', 'parity-forces-Li', 'parity-forces-S', 'deviation-000', 'calibration',
            'learning-force', 'learning-energy', 'learning-force-training', 'arrhenius', 'msd-500K', 'msd-700K'}
    check(set(n) == want == set(form.plots), f'plots: {sorted(n)}')
    f = n['force-error']['held-out test (95 %)']
    check([p[1] for p in f] == [0.31] and near(f[0][2], 0.35 - 0.31), f'force error {f}')
    check(near(n['energy-error']['training'][0][1], 3.1), f'energy error {n["energy-error"]}')
    check(near(n['fractions']['candidate'][0][1], 100 * 5 / 15), f'fractions {n["fractions"]}')
    check(n['learning-force']['iteration 0, member 1'] == [(s, round(0.4 / (1 + s) + 0.1, 6), None) for s in known.STEPS], 'learning curve')
    a = n['arrhenius']
    check([(near(p[0], 1000 / t), near(p[1], d), near(p[2], e)) for p, (t, d, e) in zip(a['A'], known.DIFFUSION['A'])] == [(True,) * 3] * 2, f'Arrhenius {a}')
    check('B' not in a and near(a['B, molten'][0][1], 5e-6) and near(a['B, upper limit'][0][1], 2e-7), f'Arrhenius B {a}')
    msd = n['msd-700K']
    curve = [msd[s] for s in msd if s.startswith('A, t^1.00 \u00b1 0.05')]
    check(len(curve) == 1 and near(curve[0][0][0], 0.1) and near(curve[0][0][1], 0.6) and near(curve[0][0][2], 0.06), f'MSD {msd}')
    dev = n['deviation-000']
    check(near(sum(p[1] for p in dev['A'][1:-1]) / 2, 100), 'the shares of a histogram do not add up to 100 %')
    check(sorted({p[0] for s in dev for p in dev[s] if s.startswith('trust window')}) == [0.05, 0.25], f'trust window {list(dev)}')
    check([p[:2] for p in n['calibration']['A, test']] == [(0.1, 0.2), (0.2, 0.3)], f'calibration {n["calibration"]}')
    check([p[:2] for p in n['parity-forces-S']['S']] == [(0.1, 0.2), (-0.1, -0.3), (0.5, 0.5)], f'parity {n["parity-forces-S"]}')
    e = n['parity-energies']['A, test']
    check(near(e[0][0], -5) and near(e[0][1], -4) and near(e[1][0], 5) and near(e[1][1], 7), f'parity {e}')
    color = {s['name'].split(',')[0]: set() for p in form.plots.values() for s in p['series'] if s['name'][0] in 'AB'}
    for p in form.plots.values():
        for s in p['series']:
            if s['name'].split(',')[0] in ('A', 'B') and not s['name'].endswith('fit of D'):
                color[s['name'].split(',')[0]].add(s['color'])
        check('/' in p['x']['label'] or p['x']['label'] in ('iteration', 'step'), f'an axis without its unit: {p["x"]}')
        check('/' in p['y']['label'], f'an axis without its unit: {p["y"]}')
    check(color == {'A': {1}, 'B': {2}}, f'colours of the compositions: {color}')
    return n


def page(d):
    run = os.path.join(d, 'run')
    out, _ = alnd('report', 'run', '--out', 'page.html', cwd=d)
    check('page.html' in out, out)
    text = open(os.path.join(d, 'page.html'), encoding='utf-8').read()
    form = form_of(text)
    check('<script' not in text.split('</main>')[0].replace('<script type="text/plain">', ''), 'a script within the page')
    bad = [a for a in form.addresses if not a.startswith('data:')]
    check(not bad, f'from outside: {bad}')
    own = re.sub(r'<script>.*?</script>', '', text, flags=re.S)
    check(not re.search(r'(?<!xmlns=")https?://', own) and '@import' not in text, 'the page names the network')
    check("default-src 'none'" in text and "connect-src 'none'" in text, 'the page may ask the network')
    check('activation energy not determined: too few; molten: 700 K.' in text, 'why there is no activation energy')
    n = check_numbers(form)
    for name, series in n.items():  # the files beside it hold the same
        rows = list(csv.reader(open(os.path.join(d, f'page-csv/{name}.csv'), encoding='utf-8')))
        check(len(rows) - 1 == sum(len(s) for s in series.values()) and rows[0][0] == 'series', name + '.csv is another')
    check('density-A-700K.csv' in os.listdir(os.path.join(d, 'page-csv')), 'no numbers of the density map')
    rows = {r[0]: r for r in form.rows if r}
    errors = [r for r in form.rows if r and r[0] == 'test']
    check(errors and errors[0][3:7] == ['4.10', '3 .. 5', '0.3100', '0.28 .. 0.35'], f'error table {errors}')
    check(rows['state'][1] == 'finished' and 'limits met' in rows['held-out test'][1], f'overview {rows}')
    j = report_run.journal(run)
    for verb, (tasks, starts, seconds) in j['costs'].items():
        r = rows[verb]
        check([int(r[1]), int(r[2]), int(r[4])] == [tasks, starts, 1] and abs(float(r[3]) - seconds / 3600) < 6e-5, f'costs of {verb}: {r}, {j}')
    ledger = {r[0]: r for r in csv.reader(open(os.path.join(d, 'page-csv/costs.csv'), encoding='utf-8'))}
    check(set(ledger) == {'verb', *j['costs']} and abs(float(ledger['label'][3]) - j['costs']['label'][2] / 3600) < 2e-6, f'costs.csv: {ledger}')
    check('made to fail' in text and j['failures'] == 1, 'the failure is not told')
    check('<b>&"' not in text and html.escape('<b>&"') in text and 'undefined' not in own and 'nan' not in own.lower(), 'numbers that are none')
    page_cases(d, run)


def page_cases(d, run):
    alnd('report', 'run', cwd=d)
    check(os.path.exists(os.path.join(d, 'small-report.html')), 'no page under its usual name')
    _, err = alnd('report', 'run', '--out', 'run/report.html', code=2, cwd=d)
    check('checksum' in err, err)
    for args in ((), ('nowhere',), ('run', 'run'), ('run', '--what')):
        _, err = alnd('report', *args, code=2, cwd=d)
        check('alnd: ' in err, err)
    alnd('report', 'run', '--out', 'no/such/place.html', code=2, cwd=d)
    # a run that has hardly begun, and one that is being written: whole rows only
    early = os.path.join(d, 'early')
    os.makedirs(early)
    shutil.copytree(run, os.path.join(early, 'run'))
    for path in glob.glob(early + '/run/transport*') + glob.glob(early + '/run/production') + [early + '/run/iterations/000/errors.yaml']:
        (shutil.rmtree if os.path.isdir(path) else os.remove)(path)
    with open(early + '/run/iterations/000/train/0/lcurve.out', 'a') as f:
        f.write('   7000 0.1')
    alnd('report', 'run', '--out', 'early.html', cwd=early)
    form = form_of(open(early + '/early.html', encoding='utf-8').read())
    check('learning-force' in form.plots and 'force-error' not in form.plots, f'plots of an early run: {list(form.plots)}')
    check(all(p[0] <= 2000 for s in numbers(form.csv['learning-force.csv']).values() for p in s), 'half a row was read')


# --- serve

class Server:
    def __init__(self, d, *args):
        self.p = subprocess.Popen([ALND, 'serve', 'run', *args], cwd=d, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.url = self.p.stdout.readline().strip()
        m = re.fullmatch(r'http://127\.0\.0\.1:(\d+)/([0-9a-f]{32})/', self.url)
        check(m, f'no address: {self.url} {self.p.stderr.read() if self.p.poll() is not None else ""}')
        self.port, self.token = int(m.group(1)), m.group(2)

    def ask(self, path, method='GET', headers=None, body=None, host=None):
        c = http.client.HTTPConnection('127.0.0.1', self.port, timeout=20)
        h = dict(headers or {})
        if host:
            h['Host'] = host
        c.request(method, path, body=body, headers=h)
        r = c.getresponse()
        data = r.read()
        c.close()
        return r.status, data.decode(errors='replace'), r.headers

    def own(self, what, **more):
        return self.ask(f'/{self.token}/{what}', **more)

    def raw(self, data, wait=15):
        s = socket.create_connection(('127.0.0.1', self.port), timeout=wait)
        got = b''
        try:
            s.sendall(data)
            while True:
                more = s.recv(65536)
                if not more:
                    break
                got += more
        except (ConnectionError, socket.timeout) as e:
            got += repr(e).encode()
        s.close()
        return got

    def end(self):
        self.p.send_signal(signal.SIGINT)
        check(self.p.wait(20) == 0, f'serve ended with {self.p.returncode}: {self.p.stderr.read()}')
        rest = self.p.stderr.read()
        check(not rest, 'serve complains: ' + rest)


def memory(pid):
    return int(re.search(r'VmRSS:\s+(\d+)', open(f'/proc/{pid}/status').read()).group(1)) / 1024


def serve(d):
    s = Server(d)
    secret = os.path.join(d, 'run', 'loop.yaml')
    try:
        status, text, headers = s.own('')
        check(status == 200, text)
        form = form_of(text)
        check('live' in form.ids and 'force-error' in form.plots and s.token not in text, 'the live page')
        check(headers['Cache-Control'] == 'no-store' and headers['X-Content-Type-Options'] == 'nosniff' and headers['Referrer-Policy'] == 'no-referrer', str(headers))
        same = json.loads(alnd('status', 'run', '--json', cwd=d)[0])
        live = json.loads(s.own('status.json')[1])
        check({k: v for k, v in live.items() if k != 'seconds'} == {k: v for k, v in same.items() if k != 'seconds'}, f'status: {live} {same}')
        check(json.loads(s.own('errors.json')[1]) == json.loads(alnd('errors', 'run', '--json', cwd=d)[0]), 'errors are others')
        open(os.path.join(d, 'run/initial/gather/worker.log'), 'w').write('early\n' * 20000 + 'last \u00e5\n')
        status, text, _ = s.own('log?task=initial/gather')
        check(status == 200 and text.endswith('last \u00e5\n') and len(text) < 40000, f'log: {status} {text[-60:]}')
        refused(s, secret)
        crowd(s)
        check(s.own('status.json')[0] == 200, 'no answer after all that')
    finally:
        if s.p.poll() is None:
            s.end()
    serve_cases(d)


def refused(s, secret):
    other = '0' * 32 if s.token[0] != '0' else '1' * 32
    for path in ('/', '/status.json', f'/{other}/', f'/{other}/status.json', f'/{s.token}', f'/{s.token[:31]}/', '//' + s.token + '/', f'/{s.token}x/'):
        status, text, _ = s.ask(path)
        check(status == 404 and text == 'not found\n', f'{path} without its token: {status} {text[:80]}')
    for what in ('loop.yaml', '../loop.yaml', '..%2floop.yaml', '%2e%2e/loop.yaml', 'log', 'log?task=', 'log?task=..', 'log?task=../run/initial/gather',
                 'log?task=initial/gather/../../..', 'log?task=/etc', 'log?task=initial/gather%00', 'log?task=%2e%2e%2f%2e%2e', f'log?task={secret}',
                 'alnd.db', '/etc/passwd', 'status.json/', 'STATUS.JSON', 'log?task=initial'):
        status, text, _ = s.own(what)
        check(status in (400, 404) and 'seed' not in text and 'root:' not in text, f'{what}: {status} {text[:80]}')
    link = os.path.join(os.path.dirname(secret), 'initial/gather/worker.log')
    kept = link + '.kept'
    os.rename(link, kept)
    os.symlink(secret, link)
    status, text, _ = s.own('log?task=initial/gather')
    check(status == 500 and 'seed' not in text, f'a log that is a link: {status} {text[:80]}')
    os.remove(link)
    os.mkfifo(link)
    check(s.own('log?task=initial/gather')[0] == 500, 'a log that is a FIFO')
    os.remove(link)
    os.rename(kept, link)
    for host in ('evil.example', f'evil.example:{s.port}', '127.0.0.1.evil.example', 'localhost.evil', '10.0.0.1'):
        status, _, _ = s.own('status.json', host=host)
        check(status == 403, f'host {host}: {status}')
    for host in (f'localhost:{s.port}', 'localhost:9999'):
        check(s.own('status.json', host=host)[0] == 200, f'host {host}')
    for method in ('POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH'):
        check(s.own('status.json', method=method)[0] == 405, method)
    check(s.own('status.json', method='GET', body='x' * 100)[0] == 413, 'a body')
    check(s.own('status.json', method='HEAD')[:2] == (200, ''), 'HEAD')
    head = f'GET /{s.token}/status.json HTTP/1.1\r\nHost: localhost\r\n'.encode()
    for what, data in (('long address', b'GET /' + b'a' * 200000 + b' HTTP/1.1\r\nHost: localhost\r\n\r\n'),
                       ('long header', head + b'X: ' + b'a' * 200000 + b'\r\n\r\n'),
                       ('many headers', head + b''.join(b'X%d: 1\r\n' % i for i in range(20000)) + b'\r\n'),
                       ('chunks', head + b'Transfer-Encoding: chunked\r\n\r\n' + b'10000\r\n' + b'a' * 65536 + b'\r\n0\r\n\r\n'),
                       ('a length that is none', head + b'Content-Length: 99999999999999999999\r\n\r\n'),
                       ('no HTTP', b'\x00\x01\x02' * 1000 + b'\r\n\r\n'), ('no host', f'GET /{s.token}/status.json HTTP/1.1\r\n\r\n'.encode())):
        got = s.raw(data)
        check(not got.startswith(b'HTTP/1.1 200') and b'tasks' not in got, f'{what}: {got[:100]}')
        check(s.own('status.json')[0] == 200, 'no answer after ' + what)


def crowd(s):
    """Silent ones, slow ones, all places taken: they are dropped, and the next ones are answered."""
    before = memory(s.p.pid)
    idle = []
    for i in range(300):
        c = socket.create_connection(('127.0.0.1', s.port), timeout=20)
        if i % 2:
            c.sendall(b'GET /' + s.token.encode()[:5])
        idle.append(c)
    end = time.time() + 60
    while True:
        try:
            if s.own('status.json')[0] == 200:
                break
        except (ConnectionError, socket.timeout, http.client.HTTPException):
            pass
        check(time.time() < end, 'silent clients keep others out for ever')
        time.sleep(0.2)
    for c in idle:
        c.close()
    for _ in range(50):
        check(s.own('status.json')[0] == 200, 'one of fifty questions')
    check(os.environ.get('ALND_SANITIZED') or memory(s.p.pid) < before + 30,  # ASan keeps what is freed for a while
           f'memory {before} -> {memory(s.p.pid)} MiB')


def serve_cases(d):
    s = Server(d)
    _, err = alnd('serve', 'run', '--port', str(s.port), code=2, cwd=d)
    check('cannot listen' in err, err)
    listening = subprocess.run(['ss', '-ltnH', f'sport = :{s.port}'], capture_output=True, text=True).stdout if shutil.which('ss') else f'127.0.0.1:{s.port}'
    check(f'127.0.0.1:{s.port}' in listening and '0.0.0.0:' + str(s.port) not in listening, f'listens on {listening}')
    port = s.port
    s.end()
    t = Server(d, '--port', str(port))
    check(t.port == port and t.token != s.token, 'the same token again')
    t.end()
    for args in ((), ('nowhere',), ('run', '--port', '80'), ('run', '--port', 'x'), ('run', '--what')):
        _, err = alnd('serve', *args, code=2, cwd=d)
        check('alnd: ' in err, err)


# --- browser

def browser(d):
    work = os.path.abspath(sys.argv[5])
    chromium = next((c for c in ('chromium', 'chromium-browser', 'google-chrome') if shutil.which(c)), None)
    if not chromium or not shutil.which('npm') or not shutil.which('node'):
        print('skipped: no Chromium, node or npm')
        return 77
    os.makedirs(work, exist_ok=True)
    for f in ('package.json', 'package-lock.json'):
        shutil.copy(os.path.join(SOURCE, 'web', f), work)
    shutil.copy(os.path.join(SOURCE, 'tests/system/report.mjs'), work)
    if not os.path.isdir(os.path.join(work, 'node_modules/puppeteer-core')):
        p = subprocess.run(['npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund'], cwd=work, capture_output=True, text=True, timeout=300)
        if p.returncode:
            print('skipped: npm ci has failed:', p.stderr[-300:])
            return 77
    if len(sys.argv) > 6:  # pictures of another run for docs/
        d = os.path.abspath(sys.argv[6])
        alnd('report', 'run', '--out', 'page.html', cwd=d)
    else:
        alnd('report', 'run', '--out', 'page.html', cwd=d)
    s = Server(d)
    bundle = os.path.getsize(os.path.join(os.path.dirname(BIN), 'web/lib.js')) > 0
    p = subprocess.run(['node', 'report.mjs', shutil.which(chromium), os.path.join(d, 'page.html'), s.url, str(int(bundle)), work], cwd=work, timeout=600,
                       capture_output=True, text=True)
    s.end()
    print(p.stdout, end='')
    check(p.returncode == 0, p.stderr[-3000:] or 'report.mjs failed')
    if len(sys.argv) < 7:
        follow(os.path.join(os.path.realpath(TOP), 'live'), shutil.which(chromium), work)
    return 0


def follow(d, chromium, work):
    """A running campaign: a task that hangs, until it is killed."""
    task = 'iterations/000/train/0'
    report_run.prepare(d, SOURCE)
    run = subprocess.Popen([ALND, 'start', 'loop.yaml'], cwd=d, env={**ENV, 'ALND_FAKE_HANG': task + ':1'}, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    try:
        pid = None
        for _ in range(600):
            at = [p for p, exe in rundirs.workers(d, 'fake_worker') if task in exe]
            if at and os.path.exists(os.path.join(d, 'run', task, 'lock')):
                pid = at[0]
                break
            time.sleep(0.1)
        check(pid, 'the hanging task never began')
        s = Server(d)
        p = subprocess.run(['node', 'report.mjs', chromium, 'live', s.url, task, str(pid)], cwd=work, timeout=400, capture_output=True, text=True)
        print(p.stdout, end='')
        check(p.returncode == 0, p.stderr[-3000:] or 'report.mjs live failed')
        s.end()
        check(run.wait(60) == 0, f'the run ended with {run.returncode}')
    finally:
        run.kill()


with tempfile.TemporaryDirectory(prefix='alnd_report_') as TOP:
    place = report_run.make(os.path.join(os.path.realpath(TOP), 'place'), ALND, ENV, SOURCE)
    rc = {'page': page, 'serve': serve, 'browser': browser}[MODE](place)
    if not rc:
        print('ok')
    sys.exit(rc or 0)
