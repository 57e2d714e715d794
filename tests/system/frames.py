#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""Frames that make trouble, in a small campaign of the real programs.

frames.py BIN_DIR SOURCE_DIR poison   a frame that kills its worker each time, by a signal or by hanging, goes to quarantine and neither its
                                      task nor the campaign fails; one death alone costs nothing; the other labels are bit for bit the same
frames.py BIN_DIR SOURCE_DIR late     a label that takes too long: its iteration goes on, the next one takes it, status, errors and why say so
frames.py BIN_DIR SOURCE_DIR sample   first-principles MD at a lower cut-off (initial.aimd.cutoff): its frames are labelled with the label settings,
                                      and a worker killed among them goes on without another trajectory
Exit 77: skipped, the pseudopotentials are missing."""
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

import rundirs

BIN, SOURCE, MODE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), sys.argv[3]
ALND = os.path.join(BIN, 'alnd')
HERE = os.path.join(SOURCE, 'tests/system')
PSEUDO = os.environ.get('ALND_PSEUDO_DIR') or os.path.join(SOURCE, '.alnd/pseudo')


def check(ok, text):
    if not ok:
        print('FAIL:', text)
        sys.exit(1)


def prepare(name, edits):
    d = os.path.join(TOP, name)
    os.makedirs(d)
    shutil.copy(os.path.join(HERE, 'li2s.extxyz'), d)
    text = open(os.path.join(HERE, 'mini.yaml')).read()
    for pattern, new in edits:
        text, n = re.subn(pattern, new, text, flags=re.M)
        check(n == 1, f'mini.yaml: {pattern} {n} times')
    open(os.path.join(d, 'mini.yaml'), 'w').write(text)
    return d


def start(d, env=None):
    return subprocess.Popen([ALND, 'start', 'mini.yaml'], cwd=d, env={**os.environ, **(env or {})}, stdout=open(os.path.join(d, 'out.log'), 'ab'),
                            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True)


def campaign(name, edits, env=None):
    d = prepare(name, edits)
    code = start(d, env).wait(timeout=400)
    check(code == 0, f'{name}: alnd start ended with {code}:\n' + open(os.path.join(d, 'out.log')).read()[-3000:])
    return d


def ask(d, *args):
    p = subprocess.run([ALND, *args, '--json'], cwd=d, capture_output=True, text=True, timeout=60)
    check(p.returncode == 0, f'alnd {args}: {p.stdout}{p.stderr}')
    return json.loads(p.stdout)


def told(d, *args):
    return subprocess.run([ALND, *args], cwd=d, capture_output=True, text=True, timeout=60).stdout


def frames(path):
    """{frame_id: the whole text of the frame}."""
    found, lines = {}, open(path).read().split('\n') if os.path.exists(path) else ['']
    while lines[0]:
        n = int(lines[0])
        name = re.search(r'frame_id="?([^" ]+)', lines[1])[1]
        check(name not in found, f'{name} twice in {path}')
        found[name] = '\n'.join(lines[1:n + 2])
        lines = lines[n + 2:]
    return found


def labels(d):
    """All labels of a run."""
    found = {}
    for p in glob.glob(os.path.join(d, 'run', '**/label/*/labelled.extxyz'), recursive=True):
        for name, text in frames(p).items():
            check(name not in found, f'{name} is labelled twice')
            found[name] = text
    return found


def short(resources):
    return [(r'^  aimd: .*\n', ''), (r'max_iterations: 2, label_noise: 2', 'max_iterations: 1'), (r'min_iterations: 2', 'min_iterations: 1'),
            (r'^production: .*', 'production: {supercell: [1, 1, 1], volume: fixed, temperatures: [300 K], equilibration: 0.1 ps, '
             'time: 0.5 ps, timestep: 1 fs, stride: 50, replicas: 1}'), (r'^resources: .*', 'resources: {' + resources + '}')]


def test_poison():
    resources = 'cores: 2, retries: 0, heartbeat: 6 s, label: {batch: 3}'
    plain = campaign('plain', short(resources))
    want = frames(os.path.join(plain, 'run/initial/Li2S/label/000/labelled.extxyz'))
    names = list(want)
    check(len(names) == 3, f'frames of the first task: {names}')
    victim = names[1]
    for kind, times, how in (('11', '', 'signal 11'), ('9', '', 'signal 9'), ('19', '', 'hung'), ('9', ':1', None)):
        d = campaign(f'signal{kind}{times}'.replace(':', '-'), short(resources), {'ALND_CRASH_FRAME': f'{victim}:{kind}{times}'})
        task = 'initial/Li2S/label/000'
        good = frames(os.path.join(d, 'run', task, 'labelled.extxyz'))
        bad = frames(os.path.join(d, 'run', task, 'failed.extxyz'))
        failures = [f for f in ask(d, 'errors', 'run')['failures'] if f['task'] == task]
        if how is None:  # once is no pattern
            check(good == want and not bad, f'one death changed the labels: {list(good)}, {bad}')
            check(len(failures) == 1 and victim in failures[0]['message'], f'failures {failures}')
            continue
        reason = f'its worker died 2 times ({how})'
        check(list(bad) == [victim] and reason in bad[victim], f'in quarantine: {bad}')
        check(good == {n: t for n, t in want.items() if n != victim}, f'signal {kind} at {victim} changed the other labels')
        check([f['start'] for f in failures] == [1, 2] and all(victim in f['message'] for f in failures), f'failures {failures}')
        q = [f for f in ask(d, 'errors', 'run')['failed_frames'] if f['frame'] == victim]
        check(len(q) == 1 and q[0]['reason'] == reason and q[0]['task'] == task, f'alnd errors: {q}')
        w = ask(d, 'why', 'run', victim)['label']
        check(w['status'] == 'failed' and w['reason'] == reason and w['attempts'] == 3, f'alnd why: {w}')
        check(not os.path.exists(os.path.join(d, 'run', task, 'at.yaml')), 'the note of the frame at work is left behind')
        check(victim not in open(os.path.join(d, 'run/initial/gather/train.extxyz')).read(), 'the frame was gathered')
        print(f'{victim}, {how}: in quarantine, the others are those of the undisturbed run')
    # a trajectory that cannot go on ends where it is
    task = 'iterations/000/explore/Li2S-500K'
    d = campaign('trajectory', short(resources), {'ALND_CRASH_FRAME': task + ':11'})
    text = open(os.path.join(d, 'run', task, 'result.yaml')).read()
    check('its worker died 2 times (signal 11) at this place' in text and re.search(r'nframes: 0$', text, re.M), text)
    check(len([f for f in ask(d, 'errors', 'run')['failures'] if f['task'] == task]) == 2, 'failures of the trajectory')
    print(f'{task}, signal 11: it ended there, the campaign went on')


def test_late():
    common = [(r'^  aimd: .*\n', ''), (r'patience: 1, min_iterations: 2, max_iterations: 2, label_noise: 2', 'patience: 5, max_iterations: 3'),
              (r'^production: .*', 'production: {supercell: [1, 1, 1], volume: fixed, temperatures: [300 K], equilibration: 0.1 ps, '
               'time: 0.5 ps, timestep: 1 fs, stride: 50, replicas: 1}')]
    def edits(more):
        return common + [(r'^resources: .*', 'resources: {cores: 2, ' + more + 'label: {batch: 1}}')]
    plain = campaign('plain', edits(''))
    first = frames(os.path.join(plain, 'run/iterations/000/label/Li2S-000/labelled.extxyz'))
    slow = list(first)[0]
    d = prepare('late', edits('straggler: 60 %, '))
    daemon = start(d, {'ALND_SLOW_FRAME': f'{slow}:200000'})
    task, seen = 'iterations/000/label/Li2S-000', None
    while daemon.poll() is None:
        if os.path.exists(os.path.join(d, 'run/alnd.db')):
            s = ask(d, 'status', 'run') if os.path.exists(os.path.join(d, 'run/iterations/001/train')) else {'late': []}
            if not seen and s['late']:
                seen = s
                text = told(d, 'status', 'run')
                check(re.search(r'(?m)^late +\d+ frames? of \d+ label tasks?, for the next gathering: ' + task + r' \(INFLIGHT\)', text), text)
                w = told(d, 'why', 'run', slow)
                check('iteration 0 went on without it; for the gathering of iteration 1' in w, w)
                check(task + ' (INFLIGHT): for the gathering of iteration 1' in told(d, 'errors', 'run'), told(d, 'errors', 'run'))
                open(os.path.join(d, 'run', task, 'go'), 'w').close()
        time.sleep(0.05)
    out = open(os.path.join(d, 'out.log')).read()
    check(daemon.returncode == 0, out[-3000:])
    check(seen and seen['late'][0] == {'task': task, 'state': 'INFLIGHT', 'frames': 1} and seen['late_frames'] == seen['late_tasks'] >= 1, f'status: {seen}')
    check('iteration 1' in seen['stage'], f'late, but the loop is at {seen["stage"]}')
    late = [x for x in ask(d, 'errors', 'run')['late'] if x['task'] == task]
    check(late and late[0] == {'iteration': 0, 'task': task, 'state': 'DONE', 'gathered_by': late[0]['gathered_by']}, f'errors: {late}')
    by = late[0]['gathered_by']
    check(by in ('iterations/001/gather', 'iterations/002/gather'), f'gathered by {by}')
    w = ask(d, 'why', 'run', slow)
    check(w['label']['late'] == int(by[11:14]) == len(late) and w['use']['gathered_by'] == by and w['use']['set'], f'why: {w}')
    check('went without' in told(d, 'errors', 'run').replace('went on ', 'went '), told(d, 'errors', 'run'))
    check(f'gathered with iteration {int(by[11:14])}' in told(d, 'why', 'run', slow), told(d, 'why', 'run', slow))
    check(task + ': late, for the next gathering' in out.replace(' and others', ''), 'the daemon does not tell:\n' + out)
    # every label in one gathering, and the one that was late is what it would have been
    have, gathered = labels(d), {}
    for p in glob.glob(os.path.join(d, 'run', '**/gather/*.extxyz'), recursive=True):
        for name in frames(p):
            check(name not in gathered, f'{name} in {p} and in {gathered.get(name)}')
            gathered[name] = p
    check(set(gathered) == set(have), f'labels lost: {set(have) ^ set(gathered)}')
    check(have[slow] == first[slow], 'the late label differs')
    n = sum(1 for p in glob.glob(os.path.join(d, 'run/data/*/*/set.*/origin')) if open(p).read().strip() == by)
    check(n >= 1, f'no set of {by}')
    print(f'{slow} was late: iteration 0 went on, {by} took it; {len(have)} labels, each in one gathering')


SAMPLE = 'initial/Li2S/aimd/300K'


def energies(path):
    return {name: float(re.search(r'[ ]energy=(\S+)', text)[1]) for name, text in frames(path).items()}


def test_sample():
    edits = short('cores: 2, label: {batch: 3}')[1:] + [(r'time: 20 fs, stride: 5', 'time: 20 fs, stride: 5, cutoff: 6 Ha, kpoints: gamma')]
    plain = campaign('plain', edits)
    run = os.path.join(plain, 'run')
    cheap, dear = (os.path.join(run, SAMPLE, f + '.extxyz') for f in ('sampled', 'labelled'))
    a, b = energies(cheap), energies(dear)
    check(list(a) == list(b) == [f'Li2S-aimd-300K-{k}' for k in (5, 10, 15, 20)], f'{list(a)}, {list(b)}')
    check(all(abs(a[n] - b[n]) > 0.1 for n in a), f'the label is the energy of the MD: {a}, {b}')
    kind = {re.search(r'fingerprint=(\S+)', t)[1] for p in (dear, os.path.join(run, 'initial/Li2S/label/000/labelled.extxyz')) for t in frames(p).values()}
    check(len(kind) == 1 and not kind & {re.search(r'fingerprint=(\S+)', t)[1] for t in frames(cheap).values()}, f'fingerprints {kind}')
    again = os.path.join(plain, 'again.extxyz')
    p = subprocess.run([ALND, 'label', cheap, '--config', 'mini.yaml', '--out', again], cwd=plain, capture_output=True, text=True, timeout=120)
    check(p.returncode == 0, p.stdout + p.stderr)
    check(energies(again) == b, f'alnd label of the same frames: {energies(again)}, {b}')
    gathered = frames(os.path.join(run, 'initial/gather/train.extxyz')) | frames(os.path.join(run, 'initial/gather/valid.extxyz'))
    check(set(b) <= set(gathered) and all(energies(dear)[n] == float(re.search(r'[ ]energy=(\S+)', gathered[n])[1]) for n in b), 'gathered')
    result = open(os.path.join(run, SAMPLE, 'result.yaml')).read()
    check(re.search(r'sampled: "?4', result) and re.search(r'nframes: 4', result) and 'sampled.extxyz' not in result, result)
    d = campaign('killed', edits, {'ALND_CRASH_FRAME': 'Li2S-aimd-300K-15:9:1'})
    failures = [f for f in ask(d, 'errors', 'run')['failures'] if f['task'] == SAMPLE]
    check(len(failures) == 1 and 'Li2S-aimd-300K-15' in failures[0]['message'], f'failures {failures}')
    for f in ('sampled.extxyz', 'labelled.extxyz', 'thermo.csv'):
        check(open(os.path.join(d, 'run', SAMPLE, f)).read() == open(os.path.join(run, SAMPLE, f)).read(), f'{f} differs after the kill')
    print('4 frames of the cheap trajectory, labelled as all others; a kill among them changes nothing')


if not os.path.isdir(PSEUDO):
    print('skipped: no pseudopotentials in', PSEUDO)
    sys.exit(77)
os.environ.update(ALND_PSEUDO_DIR=PSEUDO, OMP_NUM_THREADS='1', OPENBLAS_NUM_THREADS='1')
with tempfile.TemporaryDirectory() as TOP:
    try:
        {'poison': test_poison, 'late': test_late, 'sample': test_sample}[MODE]()
    finally:
        rundirs.kill_all(TOP)
