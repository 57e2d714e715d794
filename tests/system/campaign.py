#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""The real programs on a tiny campaign (mini.yaml), whole and killed.

campaign.py BIN_DIR SOURCE_DIR run     an undisturbed run: everything that a run directory must hold is there and sane
campaign.py BIN_DIR SOURCE_DIR kill    SIGKILL of daemon and workers together in training, in labelling and in exploration, then
                                       start again: no finished task runs twice, and models, data sets and error tables are
                                       bit for bit those of an undisturbed run
campaign.py BIN_DIR SOURCE_DIR input   bad input: one error with its place, exit 2, nothing created
Exit 77: skipped, the pseudopotentials are missing."""
import csv
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import rundirs
from rundirs import attempts, outcome, results

BIN, SOURCE, MODE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), sys.argv[3]
ALND = os.path.join(BIN, 'alnd')
HERE = os.path.join(SOURCE, 'tests/system')
PSEUDO = os.environ.get('ALND_PSEUDO_DIR') or os.path.join(SOURCE, '.alnd/pseudo')


def fail(text):
    print('FAIL:', text)
    sys.exit(1)


def check(ok, text):
    if not ok:
        fail(text)


def prepare(name):
    d = os.path.join(TOP, name)
    os.makedirs(d)
    for f in ('mini.yaml', 'li2s.extxyz'):
        shutil.copy(os.path.join(HERE, f), d)
    return d


def start(d, config='mini.yaml'):
    log = open(os.path.join(d, 'out.log'), 'ab')
    return subprocess.Popen([ALND, 'start', config], cwd=d, stdout=log, stderr=subprocess.STDOUT,
                            stdin=subprocess.DEVNULL, start_new_session=True)


def finish(d, process, limit=400):
    try:
        code = process.wait(timeout=limit)
    except subprocess.TimeoutExpired:
        kill_all(d)
        fail(f'alnd start took more than {limit} s; log:\n' + tail(d))
    check(code == 0, f'alnd start ended with {code}; log:\n' + tail(d))


def tail(d):
    text = open(os.path.join(d, 'out.log'), errors='replace').read()[-3000:]
    for log in glob.glob(os.path.join(d, 'run/**/worker.log'), recursive=True):
        t = open(log, errors='replace').read()
        if 'level=error' in t:
            text += f'\n{log}:\n{t[-1500:]}'
    return text


def kill_all(d):
    check(rundirs.kill_all(d), f'processes {rundirs.processes(d)} do not die')


def running(d, pattern):
    """Task directories of this pattern whose worker has begun (it has taken its lock) and not ended."""
    return [t for t in glob.glob(os.path.join(d, 'run', pattern))
            if os.path.exists(t + '/lock') and not os.path.exists(t + '/result.yaml')]


def check_run_directory(d):
    run = os.path.join(d, 'run')
    for path in ('loop.yaml', 'alnd.db', 'alnd.log', 'report.html', 'data/train/Li2S/type.raw', 'data/test/Li2S/type.raw',
                 'iterations/000/errors.yaml', 'iterations/001/errors.yaml', 'iterations/001/train/1/model.dp', 'models/graph.0.dp',
                 'models/graph.1.dp', 'production/Li2S-300K-volume/volume.yaml', 'production/Li2S-300K-0/traj.dcd',
                 'transport/Li2S.yaml', 'transport/Li2S/msd.svg'):
        check(os.path.getsize(os.path.join(run, path)) > 0, path + ' is missing or empty')
    errors = open(os.path.join(run, 'iterations/001/errors.yaml')).read()
    check(re.search(r'set: test, group: all, .*force_rmse: [0-9.e-]+', errors), 'no held-out force error in errors.yaml')
    check('below: 0' in errors, 'the impossible limits of mini.yaml count as met')
    rmse = float(re.search(r'set: train, group: all, .*?force_rmse: ([0-9.e-]+)', errors).group(1))
    check(0 < rmse < 1.0, f'training force error {rmse} eV/Ang')
    check_parity(run)
    check('DEMONSTRATION' in open(os.path.join(run, 'report.html')).read(), 'the report does not say that it is a demonstration')
    html = open(os.path.join(run, 'report.html')).read()
    check(not re.search(r'(src|href)="http', html), 'the report needs the network')
    for plot in ('force-error', 'parity-energies', 'parity-forces-Li', 'deviation-001', 'calibration', 'learning-force', 'msd-300K'):
        check(f'<figure id="{plot}"' in html, f'the report has no plot {plot}')
    check('id="costs"' not in html, 'the report of the loop depends on how long it took')


def check_parity(run):
    """Labels and model of the last iteration give the errors of errors.yaml."""
    at = os.path.join(run, 'iterations/001/')
    errors = open(at + 'errors.yaml').read()
    for quantity, name in (('force', 'forces'), ('energy', 'energies')):
        squares, n = {'test': 0.0, 'new': 0.0}, {'test': 0, 'new': 0}
        for r in list(csv.reader(open(f'{at}evaluate/parity-{name}.csv')))[1:]:
            v = [float(x) for x in (r[4:] if quantity == 'force' else r[5:])]
            half = len(v) // 2
            squares[r[1]] += sum((a - b) ** 2 for a, b in zip(v[:half], v[half:]))
            n[r[1]] += half
        for which in n:
            rmse = float(re.search(rf'set: {which}, group: all, .*?{quantity}_rmse: ([0-9.e-]+)', errors).group(1))
            got = (squares[which] / n[which]) ** 0.5
            check(abs(got - rmse) < 1e-4 * rmse, f'{quantity} RMSE of {which} frames: {got} in parity-{name}.csv, {rmse} in errors.yaml')


def check_certificate(c, iterations):
    """The certificate has no numbers of its own: they are those of errors.yaml, or it says why there are none."""
    last = iterations[-1]
    measures = ('frames', 'energy_rmse', 'energy_rmse_low', 'energy_rmse_high', 'force_rmse', 'force_rmse_low', 'force_rmse_high')

    def same(a, b, what):
        for m in measures:
            check(a.get(m) == b.get(m), f'certificate, {what}: {m} is {a.get(m)}, in errors.yaml {b.get(m)}')
    check(c['converged'] is False and c['iteration'] == last['iteration'] == 1, f'certificate of {c["iteration"]}, {c["converged"]}')
    test = [r for r in last['table'] if r['set'] == 'test']
    check(len(c['held_out']) == len(test) and {r['group'] for r in test} == {'all', 'system', 'temperature', 'element'},
          f'held-out rows of the certificate: {c["held_out"]}')
    for a, b in zip(c['held_out'], test):
        check((a['group'], a['label']) == (b['group'], b['label']), f'row {a} for {b}')
        same(a, b, a['label'])
    check('force_rmse_high' in c['held_out'][0] and 'energy_rmse_low' in c['held_out'][0], 'no confidence interval')
    check(len(c['new_frames']) == 2, f'new frames: {c["new_frames"]}')
    for a, it in zip(c['new_frames'], iterations):
        same(a, [r for r in it['table'] if r['set'] == 'new' and r['group'] == 'all'][0], 'new frames')
    for a, it in zip(c['exploration'], iterations):
        check(a['candidate_fraction'] == it['selection']['candidate_fraction'], f'exploration {a}, {it["selection"]}')
    check(len(c['exploration']) == 2 and len(c['production']) == 2, 'exploration or production of the certificate is short')
    for r in c['production']:
        check('energy_drift_ev_per_atom_ps' in r or r['runs'] == 0, f'production {r}')
    cal = c['calibration']
    check('reason' in cal or (cal['frames'] >= 8 and 0 <= cal['coverage_within_factor_2'] <= cal['coverage_below_twice'] <= 1),
          f'calibration {cal}')
    check('Li2S' == c['energy_offset']['systems'][0]['system'] and 'between_systems' in c['energy_offset'], f'{c["energy_offset"]}')
    noise = c['label_noise']  # 8 Ha against 10.4 Ha
    check(noise['frames'] == 2 and noise['failed'] == 0 and 1e-4 < noise['force_rmse'] <= noise['force_max'] < 1, f'noise {noise}')
    size = c['size_check']  # this potential holds no larger cell for long: no frame, or a few
    if isinstance(size, dict):
        check(size['done'] is False and 'larger cell' in size['reason'], f'size check {size}')
    else:
        check({r['atoms'] for r in size if r['cells'] == 'larger'} == {6}, f'size check {size}')
        check(sum(r['frames'] for r in size) == test[0]['frames'], f'size check {size}, {test[0]}')
    for it in iterations:
        check(len(it['windows']) == 2 and all(w['auto'] is True for w in it['windows']), f'windows {it["windows"]}')
        check(all(w['from'] != 'given' or (w['low'], w['high']) == (0.001, 20) for w in it['windows']), f'windows {it["windows"]}')


def check_commands(d):
    def call(*args):
        p = subprocess.run([ALND, *args], cwd=d, capture_output=True, text=True, timeout=60)
        check(p.returncode == 0, f'alnd {" ".join(args)} ended with {p.returncode}: {p.stdout}{p.stderr}')
        return p.stdout
    status = json.loads(call('status', 'run', '--json'))
    check(status, 'status --json is empty')
    out = call('errors', 'run')
    check('test' in out and 'Li2S' in out, 'alnd errors shows no test errors:\n' + out)
    call('errors', 'run', '-i', '0')
    check_certificate(json.loads(call('errors', 'run', '--certificate', '--json'))['certificate'][0],
                      json.loads(call('errors', 'run', '--json'))['iterations'])
    shown = call('errors', 'run', '--certificate')
    check('NOT converged' in shown and 'size check: test frames of larger cells' in shown, 'alnd errors --certificate shows:\n' + shown)
    call('export', 'run', 'handoff')
    check(len(glob.glob(os.path.join(d, 'handoff/**/*.dp'), recursive=True)) >= 2, 'export has no models')
    for path in ('transport/Li2S/msd.svg', 'transport/Li2S.yaml', 'data/train/Li2S/type.raw', 'README.md'):
        check(os.path.exists(os.path.join(d, 'handoff', path)), f'export lacks {path}')
    again = results(d)
    finish(d, start(d), 60)
    check(again == results(d), 'starting a finished run did something')


def test_run():
    d = prepare('whole')
    t0 = time.time()
    finish(d, start(d))
    print(f'undisturbed run: {time.time() - t0:.1f} s')
    check_run_directory(d)
    check_commands(d)


def kill_in(d, stage, pattern):
    """Run until a task of this stage is at work, then kill everything. Returns the tasks that were finished."""
    process = start(d)
    limit = time.time() + 300
    while not running(d, pattern):
        check(process.poll() is None, f'alnd ended ({process.poll()}) before {stage} was caught; log:\n' + tail(d))
        check(time.time() < limit, f'{stage} never came; log:\n' + tail(d))
        time.sleep(0.001)
    kill_all(d)
    process.wait()
    print(f'killed in {stage}: {[os.path.relpath(t, d) for t in glob.glob(os.path.join(d, "run", pattern))]}')
    return results(d)


def interrupt_early(d):
    """Ctrl-C while the run is set up: exit 3 and a run that goes on, from the moment that there is a run directory."""
    for delay in (0, 0.005, 0.02, 0.05, 0.1):
        shutil.rmtree(os.path.join(d, 'run'), ignore_errors=True)
        process = start(d)
        limit = time.time() + 60
        while not os.path.exists(os.path.join(d, 'run')):
            check(process.poll() is None and time.time() < limit, f'no run directory; log:\n' + tail(d))
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        check(process.wait(timeout=60) == 3, f'Ctrl-C {delay} s after the run directory came: exit {process.returncode}')


def test_kill():
    whole, hurt = prepare('whole'), prepare('hurt')
    finish(whole, start(whole))
    interrupt_early(hurt)
    stages = [('labelling', 'initial/*/label/*'), ('training', 'iterations/000/train/*'),
              ('exploration', 'iterations/000/explore/*'), ('labelling', 'iterations/000/label/*'),
              ('training', 'iterations/001/train/*'), ('production', 'production/*')]
    for stage, pattern in stages:
        before = kill_in(hurt, stage, pattern)
        check(before or stage == 'labelling', 'nothing was finished before the kill')
        after = {p: s for p, s in results(hurt).items() if p in before}
        check(before == after, 'a finished task was touched')
    before = results(hurt)
    finish(hurt, start(hurt))
    after = results(hurt)
    check(all(after[p] == before[p] for p in before), 'a finished task was run again')
    a, b = outcome(whole), outcome(hurt)
    check(len(a) > 40, f'only {len(a)} files to compare')
    for p in sorted(set(a) | set(b)):
        check(a.get(p) == b.get(p), f'{p} differs from the undisturbed run')
    n = attempts(hurt)
    check(sum(n.values()) > len(n), 'no task was started twice: the kills hit nothing')
    print(f'{len(a)} files equal bit for bit after {len(stages)} kills; {sum(n.values()) - len(n)} tasks were started again')


def test_input():
    def refused(name, edit, place):
        d = prepare(name)
        path = os.path.join(d, 'mini.yaml')
        text = open(path).read()
        changed = edit(text)
        check(changed != text, f'{name}: the edit changes nothing')
        open(path, 'w').write(changed)
        before = sorted(os.listdir(d))
        p = subprocess.run([ALND, 'start', 'mini.yaml'], cwd=d, capture_output=True, text=True, timeout=10)
        check(p.returncode == 2, f'{name}: exit {p.returncode}, not 2: {p.stderr}')
        check(re.search(r'mini\.yaml:\d+:\d+: ', p.stderr), f'{name}: no file, line and column in: {p.stderr}')
        check(place in p.stderr, f'{name}: "{place}" is not in: {p.stderr}')
        check(sorted(os.listdir(d)) == before, f'{name}: something was created: {os.listdir(d)}')
    refused('key', lambda t: t.replace('committee:', 'comittee:'), "comittee")
    refused('type', lambda t: t.replace('committee: 2', 'committee: two'), 'two')
    refused('unit', lambda t: t.replace('cutoff: 8 Ha', 'cutoff: 8 fs'), 'fs')
    refused('bare', lambda t: t.replace('time: 2 ps', 'time: 2'), 'unit')
    refused('structure', lambda t: t.replace('structure: li2s.extxyz', 'structure: none.extxyz'), 'none.extxyz')
    refused('pseudo', lambda t: t.replace('pseudopotentials: SPMS', 'pseudopotentials: NOSET'), 'NOSET')
    refused('syntax', lambda t: t.replace('train:', 'train: ['), 'mini.yaml')
    p = subprocess.run([ALND, 'start', 'absent.yaml'], cwd=TOP, capture_output=True, text=True, timeout=10)
    check(p.returncode == 2 and 'absent.yaml' in p.stderr, f'missing file: {p.returncode} {p.stderr}')


if MODE != 'input' and not glob.glob(os.path.join(PSEUDO, 'SPMS', '*Li*.psp8')):
    print(f'skipped: no pseudopotentials in {PSEUDO}/SPMS (./setup.sh build fetches them)')
    sys.exit(77)
TOP = tempfile.mkdtemp(prefix='alnd-system-')
try:
    {'run': test_run, 'kill': test_kill, 'input': test_input}[MODE]()
finally:
    kill_all(TOP)
    if os.environ.get('ALND_KEEP'):
        print('kept', TOP)
    else:
        shutil.rmtree(TOP, ignore_errors=True)
