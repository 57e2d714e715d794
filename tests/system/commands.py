#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""The commands that look at a run: status, watch, errors, why, retry. Their JSON is held against the schemas of docs/commands.md.

commands.py BIN_DIR SOURCE_DIR fake FAKE_WORKER   failures, retry with and without a daemon, watch and its exit codes: a worker without physics
commands.py BIN_DIR SOURCE_DIR real               a small real campaign: why of every frame against the files of the run
commands.py BIN_DIR SOURCE_DIR scf                a campaign whose SCF never converges ends with a diagnosis
Exit 77: skipped, the pseudopotentials are missing."""
import csv
import glob
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import rundirs

BIN, SOURCE, MODE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), sys.argv[3]
ALND = os.path.join(BIN, 'alnd')
HERE = os.path.join(SOURCE, 'tests/system')
PSEUDO = os.environ.get('ALND_PSEUDO_DIR') or os.path.join(SOURCE, '.alnd/pseudo')
SCHEMA = {name: json.loads(text) for name, text in
          re.findall(r'```json schema=(\w+)\n(.*?)```', open(os.path.join(SOURCE, 'docs/commands.md')).read(), re.S)}
TYPES = {'object': dict, 'array': list, 'string': str, 'boolean': bool, 'null': type(None)}


def fail(text):
    print('FAIL:', text)
    sys.exit(1)


def check(ok, text):
    if not ok:
        fail(text)


def is_type(value, name):
    if name in ('integer', 'number'):
        return not isinstance(value, bool) and isinstance(value, int if name == 'integer' else (int, float))
    return isinstance(value, TYPES[name])


def validate(value, schema, where):
    """The part of JSON Schema that docs/commands.md uses."""
    known = {'type', 'enum', 'properties', 'required', 'items', 'additionalProperties'}
    check(set(schema) <= known, f'{where}: the schema has {set(schema) - known}')
    if 'type' in schema:
        names = schema['type'] if isinstance(schema['type'], list) else [schema['type']]
        check(any(is_type(value, n) for n in names), f'{where}: {value!r} is no {names}')
    if 'enum' in schema:
        check(value in schema['enum'], f'{where}: {value!r} is none of {schema["enum"]}')
    if isinstance(value, dict):
        for key in schema.get('required', []):
            check(key in value, f'{where}: {key} is missing in {value}')
        for key, v in value.items():
            if key in schema.get('properties', {}):
                validate(v, schema['properties'][key], f'{where}.{key}')
            else:
                check(schema.get('additionalProperties', True), f'{where}: {key} is not in the schema')
    if isinstance(value, list) and 'items' in schema:
        for i, v in enumerate(value):
            validate(v, schema['items'], f'{where}[{i}]')


def alnd(*args, code=0, cwd=None, env=None):
    p = subprocess.run([ALND, *args], cwd=cwd or TOP, env={**os.environ, **ENV, **(env or {})}, capture_output=True, text=True, timeout=300)
    check(p.returncode == code, f'alnd {" ".join(args)} ended with {p.returncode}, not {code}: {p.stdout}{p.stderr}')
    return p.stdout, p.stderr


def ask(schema, *args, cwd=None):
    out, err = alnd(*args, '--json', cwd=cwd)
    value = json.loads(out)
    validate(value, SCHEMA[schema], schema)
    return value


def wait_for(what, condition, limit=60):
    end = time.time() + limit
    while not condition():
        check(time.time() < end, what + ' never came')
        time.sleep(0.01)


# --- a worker without physics

def fake_place(name, cores=2):
    d = os.path.join(TOP, name)
    os.makedirs(os.path.join(d, 'pseudo'))
    shutil.copy(os.path.join(HERE, 'li2s.extxyz'), d)
    for f in ('03_Li_1.psp8', '16_S_1.psp8'):
        open(os.path.join(d, 'pseudo', f), 'w').write(f)
    open(os.path.join(d, 'loop.yaml'), 'w').write(f'''name: small
seed: 7
workdir: run
systems: [{{name: A, structure: li2s.extxyz}}]
initial: {{perturb: {{frames: 5}}}}
train: {{committee: 2}}
explore: {{temperatures: [300 K]}}
label: {{pseudopotentials: pseudo}}
converge: {{patience: 1, min_iterations: 1, max_iterations: 1}}
production: {{temperatures: [500 K], replicas: 1}}
resources: {{cores: {cores}, retries: 1, label: {{batch: 5}}}}
''')
    return d


def background(d, env=None, what=('start', 'loop.yaml')):
    return subprocess.Popen([ALND, *what], cwd=d, env={**os.environ, **ENV, **(env or {})}, stdout=open(os.path.join(d, 'out.log'), 'ab'),
                            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True)


def state_of(d, task):
    for f in ask('errors', 'errors', 'run', cwd=d)['failures']:
        if f['task'] == task:
            return f['state']
    return None


def begun(d, task):
    p = os.path.join(d, 'run', task)
    return os.path.exists(p + '/lock')


def test_errors_and_retry_at_rest():
    # the name of the directory must not mean anything to a shell
    d = fake_place("a 'quoted' $(touch broken) dir")
    task = 'iterations/000/train/1'
    _, err = alnd('start', 'loop.yaml', code=1, cwd=d, env={'ALND_FAKE_FAIL': task + ':NOTCONV'})
    check('made to fail' in err and task in err, 'the failure is not told: ' + err)
    e = ask('errors', 'errors', 'run', cwd=d)
    f = [x for x in e['failures'] if x['task'] == task]
    check(len(f) == 1 and f[0]['class'] == 'expected' and f[0]['message'] == 'made to fail' and f[0]['state'] == 'FAILED',
          f'failures: {e["failures"]}')
    log = subprocess.run(['sh', '-c', f[0]['log'].replace('less', 'test -f', 1)], cwd=TOP)
    check(log.returncode == 0, 'the command for the log does not find it: ' + f[0]['log'])
    out, _ = alnd('errors', 'run', cwd=d)
    check('again  ' + f[0]['retry'] in out and 'made to fail' in out, 'alnd errors does not say how to retry:\n' + out)
    check('"FAILED": 1' in json.dumps(ask('status', 'status', 'run', cwd=d)['count']), 'status counts no failed task')
    # what cannot be retried
    for wrong, text in (('initial/gather', 'is done'), ('iterations/000/train/9', 'there is no task'), ('../..', 'there is no task')):
        out, err = alnd('retry', 'run', wrong, '--json', code=2, cwd=d)
        check(out == '' and text in err and 'Traceback' not in err, f'retry {wrong}: {out}{err}')
    for args in (('run',), ('run', task, '--all'), ('run', task, 'x'), ('run', '--some')):
        _, err = alnd('retry', *args, code=2, cwd=d)
        check('alnd: ' in err, 'no message: ' + err)
    alnd('retry', 'nowhere', task, code=2, cwd=d)
    # the command that was printed, word for word, by a shell
    p = subprocess.run(['sh', '-c', f[0]['retry'].replace('alnd', ALND, 1)], cwd=TOP, env={**os.environ, **ENV}, capture_output=True, text=True)
    check(p.returncode == 0 and task + ' will be started again' in p.stdout, f'{f[0]["retry"]}: {p.stdout}{p.stderr}')
    check(not glob.glob(TOP + '/**/broken', recursive=True), 'a directory name was executed')
    s = ask('status', 'status', 'run', cwd=d)
    check(s['state'] == 'stopped' and s['count']['FAILED'] == 0 and s['count']['PENDING'] >= 1, f'after retry: {s}')
    check(state_of(d, task) == 'PENDING', 'the task is not pending')
    out, err = alnd('retry', 'run', task, code=2, cwd=d)
    check('waits to be started' in err, err)
    check(ask('retry', 'retry', 'run', '--all', cwd=d) == {'run': os.path.join(os.path.realpath(d), 'run'), 'tasks': [], 'retried': 0, 'daemon': False},
          'retry --all with nothing failed')
    # the journal says who asked; the event is one of the state table
    w, _ = alnd('watch', 'run', '--json', code=3, cwd=d)
    events = [json.loads(line) for line in w.splitlines()]
    check(any(x.get('event') == 'retry' and x['task'] == task and x['was'] == 'FAILED' and x['now'] == 'PENDING' and x['detail'] == 'alnd retry'
              for x in events), f'no retry in the journal: {w}')
    alnd('start', 'loop.yaml', cwd=d)
    check(state_of(d, task) == 'DONE', 'the task is not done in the end')


ERRORS = """iteration: 0
demonstration: false
table:
  - {set: test, group: all, label: all, frames: 8, energy_rmse: 0.0085, energy_rmse_low: 0.005, energy_rmse_high: 0.0122, force_rmse: 0.131, force_rmse_low: 0.1, force_rmse_high: 0.165}
  - {set: test, group: element, label: Li, frames: 8, force_rmse: 0.1, force_rmse_low: 0.08, force_rmse_high: 0.12}
selection: {accurate: 9, candidate: 1, failed: 0, broken: 0, duplicates: 0, candidate_fraction: 0.1}
converge: {force_rmse: 0.131, force_rmse_high: 0.165, force_limit: 0.15, energy_rmse: 0.0085, energy_rmse_high: 0.0122, energy_limit: 0.01, candidate_fraction: 0.1, candidate_limit: 0.02, below: 0}
"""
NOTHING = """iteration: 0
demonstration: false
table: []
selection: {accurate: 0, candidate: 0, failed: 0, broken: 0, duplicates: 0, candidate_fraction: 1}
converge: {force_rmse: .nan, force_rmse_high: .nan, force_limit: 0.07, energy_rmse: .nan, energy_rmse_high: .nan, energy_limit: 0.002, candidate_fraction: 1, candidate_limit: 0.02, below: 0}
"""


def test_tables_and_frames():
    d = fake_place('tables')
    open(d + '/loop.converge.yaml', 'w').write('a table\n')
    alnd('start', 'loop.yaml', code=1, cwd=d, env={'ALND_FAKE_FAIL': 'iterations/000/gather:INPUT'})
    check(open(d + '/run/inputs/converge.yaml').read() == 'a table\n', 'the converge table was not copied')
    errors = d + '/run/iterations/000/errors.yaml'
    open(errors, 'w').write(ERRORS)
    os.makedirs(d + '/run/initial/A/aimd/1200K')
    open(d + '/run/initial/A/aimd/1200K/failed.extxyz', 'w').write(
        '1\nLattice="5 0 0 0 5 0 0 0 5" Properties=species:S:1:pos:R:3 frame_id=A-aimd-3 failed=NOTCONV reason="no SCF" pbc="T T T"\nLi 0 0 0\n')
    out, _ = alnd('errors', 'run', cwd=d)
    check('left out; the run has stopped' in out and 'A-aimd-3' in out and 'initial/A/aimd/1200K/failed.extxyz' in out, out)
    check(re.search(r' test +all +all +8 +8.5 +0.131 +- +0.1 .. 0.165 +5 .. 12.2$', out, re.M) and re.search(r' test +element +Li .* 0.08 .. 0.12$', out, re.M), out)
    check('converge: force 0.131 (95 %: up to 0.165) of 0.15 eV/Ang, energy 8.5 (95 %: up to 12.2) of 10 meV/atom, candidates 0.1 of 0.02: not met' in out, out)
    check([f['frame'] for f in ask('errors', 'errors', 'run', cwd=d)['failed_frames']] == ['A-aimd-3'], 'frames of first-principles MD')
    check('A-aimd-3' not in alnd('errors', 'run', '-i', '0', cwd=d)[0], 'a frame of the initial data in iteration 0')
    # settings from a file of another name
    text = open(d + '/loop.yaml').read()
    open(d + '/changed.yaml', 'w').write(text.replace('frames: 5', 'frames: 6'))
    _, err = alnd('start', 'changed.yaml', code=2, cwd=d)
    check('alnd: changed.yaml: initial.perturb.frames from 5 to 6 (line 5)' in err, err)
    alnd('start', 'loop.yaml', cwd=d)
    open(errors, 'w').write(NOTHING)
    out, _ = alnd('errors', 'run', cwd=d)
    check('left out; the loop goes on' in out and 'explored frames: none' in out and 'nan' not in out, out)
    check('converge: force: no test frame, energy: no test frame, candidates: nothing explored: not met' in out, out)
    first = alnd('watch', 'run', cwd=d)[0].splitlines()[0]
    check(first == '== finished', first)


def test_retry_all_and_start_itself():
    d = fake_place('all')
    alnd('start', 'loop.yaml', code=1, cwd=d, env={'ALND_FAKE_FAIL': 'iterations/000/select:INPUT'})
    r = ask('retry', 'retry', 'run', '--all', cwd=d)
    check(r['tasks'] == ['iterations/000/select'] and r['retried'] == 1 and not r['daemon'], str(r))
    alnd('start', 'loop.yaml', code=1, cwd=d, env={'ALND_FAKE_FAIL': 'iterations/000/select:INPUT'})
    alnd('start', 'loop.yaml', cwd=d)  # tries it again by itself


def test_retry_of_a_running_daemon():
    d = fake_place('running')
    env = {'ALND_FAKE_FAIL': 'iterations/000/train/0:INPUT', 'ALND_FAKE_MS': '12000', 'ALND_FAKE_SLOW': 'train/1', 'ALND_FAKE_DEAF': 'train/1'}
    daemon = background(d, env)
    wait_for('the failure', lambda: begun(d, 'iterations/000/train/1') and state_of_or_none(d) == 'FAILED')
    s = ask('status', 'status', 'run', cwd=d)
    check(s['state'] == 'stopping', f'the daemon does not wait for the other task: {s}')
    out, err = alnd('retry', 'run', 'iterations/000/train/1', code=2, cwd=d)
    check('is being worked on' in err, err)
    r = ask('retry', 'retry', 'run', 'iterations/000/train/0', cwd=d)
    check(r['daemon'] and r['retried'] == 1, str(r))
    # the environment of the worker still makes it fail: that it failed again shows that it ran again, by the same daemon
    check(daemon.wait(timeout=60) == 1, 'the daemon did not end with the second failure')
    n = [f for f in ask('errors', 'errors', 'run', cwd=d)['failures'] if f['task'] == 'iterations/000/train/0']
    check(len(n) == 2, f'started {len(n)} times, not twice')
    out = open(os.path.join(d, 'out.log')).read()
    check(out.count('iterations/000/train/0 started') == 2 and 'once more' in out, out)
    alnd('start', 'loop.yaml', cwd=d)


def state_of_or_none(d):
    return state_of(d, 'iterations/000/train/0') if os.path.exists(os.path.join(d, 'run/alnd.db')) else None


def watch(d, *args):
    return subprocess.Popen([ALND, 'watch', 'run', *args], cwd=d, env={**os.environ, **ENV}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, start_new_session=True)


def test_watch():
    d = fake_place('watch')
    daemon = background(d, {'ALND_FAKE_MS': '900', 'ALND_FAKE_SLOW': 'train'})
    wait_for('training', lambda: begun(d, 'iterations/000/train/0'))
    lines, objects, ended = watch(d), watch(d, '--json'), watch(d)
    time.sleep(0.5)
    s = ask('status', 'status', 'run', cwd=d)
    check(s['running'] and s['running'][0]['total'] > 0 and s['stage'].endswith('train'), f'status shows nothing running: {s}')
    check(s['tasks_per_hour'] and s['stage_seconds_left'] >= 0, f'no rate: {s}')
    ended.send_signal(signal.SIGINT)
    check(ended.wait(timeout=20) == 3, 'Ctrl-C of watch')
    check(daemon.poll() is None, 'Ctrl-C of watch ended the run')
    check('the run goes on' in ended.communicate()[1], 'watch does not say that the run goes on')
    out, err = lines.communicate(timeout=60)
    check(lines.returncode == 0, f'watch of a run that finished: {lines.returncode} {err}')
    check(daemon.wait(timeout=60) == 0, 'the run')
    for text in ('== iteration 0: train', 'iterations/000/train/0 done', 'models done', 'report done', 'run finished', ': finished'):
        check(text in out, f'watch does not tell "{text}":\n{out}')
    check('\x1b' not in out, 'escape sequences in a pipe')
    seen = objects.communicate(timeout=60)[0].splitlines()
    check(objects.returncode == 0 and len(seen) > 20, f'watch --json: {objects.returncode}, {len(seen)} lines')
    seq = []
    for line in seen:
        x = json.loads(line)
        validate(x, SCHEMA[x['kind']], x['kind'])
        seq += [x['seq']] if x['kind'] == 'event' else []
    check(seq == list(range(seq[0], seq[0] + len(seq))), f'events missing or twice: {seq}')
    check(json.loads(seen[-1])['state'] == 'finished', seen[-1])
    check(alnd('watch', 'run', cwd=d)[0].count('finished') >= 2, 'watch of a finished run')


def test_watch_exit_codes():
    d = fake_place('codes')
    alnd('watch', 'run', code=2, cwd=d)  # there is no run
    alnd('start', 'loop.yaml', code=1, cwd=d, env={'ALND_FAKE_FAIL': 'iterations/000/select:INPUT'})
    out, _ = alnd('watch', 'run', code=1, cwd=d)
    check('iterations/000/select FAILED: made to fail' in out and 'hint: unset ALND_FAKE_FAIL' in out, out)
    daemon = background(d, {'ALND_FAKE_MS': '20000', 'ALND_FAKE_SLOW': 'select'})
    wait_for('select', lambda: ask('status', 'status', 'run', cwd=d)['running'])
    w = watch(d)
    alnd('stop', 'run', cwd=d)
    check(daemon.wait(timeout=30) == 3 and w.wait(timeout=30) == 3, 'watch of a run that was stopped')
    daemon = background(d, {'ALND_FAKE_MS': '20000', 'ALND_FAKE_SLOW': 'select'})
    wait_for('select', lambda: ask('status', 'status', 'run', cwd=d)['running'])
    w = watch(d)
    time.sleep(0.4)
    daemon.kill()
    out, _ = w.communicate(timeout=30)
    check(w.returncode == 3 and ': interrupted' in out and 'goes on' in out, f'watch of a run that was killed: {w.returncode} {out}')


# --- real engines

def real_place(name, *edits):
    d = os.path.join(TOP, name)
    os.makedirs(d)
    shutil.copy(os.path.join(HERE, 'li2s.extxyz'), d)
    text = open(os.path.join(HERE, 'mini.yaml')).read()
    for pattern, new in edits:
        changed = re.sub(pattern, new, text)
        check(changed != text, f'{pattern} is not in mini.yaml')
        text = changed
    open(os.path.join(d, 'mini.yaml'), 'w').write(text)
    return d


SHORT = [(r'volume: npt, volume_time: 2 ps, pressure: -100 GPa, ', ''),
         (r'time: 10 ps', 'time: 0.5 ps')]


def comments(path):
    """The comment lines of an extxyz file as dictionaries."""
    lines = open(path).read().split('\n')
    i = 0
    while i + 1 < len(lines) and lines[i].strip():
        yield {m.group(1): m.group(2).strip('"') for m in re.finditer(r'(\w+)=("[^"]*"|\S+)', lines[i + 1])}
        i += int(lines[i]) + 2


def test_real():
    d = real_place('whole', *SHORT)
    run = os.path.join(d, 'run')
    alnd('start', 'mini.yaml', cwd=d)
    parts = {}
    for part in ('train', 'valid', 'test'):
        for path in glob.glob(f'{run}/initial/gather/{part}.extxyz') + glob.glob(f'{run}/iterations/*/gather/{part}.extxyz'):
            gathered = os.path.relpath(os.path.dirname(path), run)
            for c in comments(path):
                check(c['frame_id'] not in parts, c['frame_id'] + ' is in two sets')
                parts[c['frame_id']] = (part, gathered, c)
    check(len(parts) > 15, f'only {len(parts)} labelled frames')
    for frame, (part, gathered, c) in parts.items():
        w = ask('why', 'why', 'run', frame, cwd=d)
        check(w['use']['set'] == part and w['use']['gathered_by'] == gathered, f'{frame}: {w["use"]}')
        check(os.path.isdir(os.path.join(run, w['use']['directory'])), f'{frame}: no {w["use"]["directory"]}')
        check(w['label']['status'] == 'labelled' and w['label']['task_state'] == 'DONE' and w['label']['attempts'] == 1, f'{frame}: {w["label"]}')
        check(math.isclose(w['label']['energy'], float(c['energy']), rel_tol=1e-11) and w['label']['scf_iterations'] == int(c['scf_iterations']),
              f'{frame}: {w["label"]}')
        iteration = -1 if gathered.startswith('initial') else int(gathered.split('/')[1])
        check(w['iteration'] == iteration, f'{frame}: {w}')
        # two iterations, two members: initial frames are in all four models, those of iteration 0 in two, of iteration 1 in none
        check(w['use']['models'] == (2 * (1 - iteration) if part == 'train' else 0), f'{frame}: {w["use"]}')
        check(w['use']['published'] == (part == 'train' and iteration < 1), f'{frame}: {w["use"]}')
    rows = 0
    reasons = set()
    for path in glob.glob(f'{run}/iterations/*/select/classes.csv'):
        for row in list(csv.DictReader(open(path)))[::5]:
            w = ask('why', 'why', 'run', row['frame_id'], cwd=d)
            s = w['selection']
            check(s['class'] == row['class'] and s['selected'] == (row['selected'] == 'yes'), f'{row}: {s}')
            check(abs(s['deviation'] - float(row['deviation_eV_per_Ang'])) < 1e-6 and s['trust_low'] < s['trust_high'], f'{row}: {s}')
            check(w['from']['temperature'] == float(row['temperature_K']) and w['from']['step'] == int(row['frame_id'].split('-')[-1]), str(w))
            check(w['from']['kind'] == 'explore' and os.path.exists(os.path.join(run, w['from']['file'])), str(w))
            check(s['selected'] or (s['reason'] and w['use']['set'] is None and w['label']['status'] is None), f'{row}: {w}')
            if not (s['reason'] or '').startswith('equal'):
                check((s['duplicate_of'] or '') == row['nearest'] and bool(row['nearest']) == (s['reason'] == 'near duplicate of labelled frames'), f'{row}: {s}')
            reasons.add(s['reason'] and s['reason'].split(':')[0])
            rows += 1
    check(rows > 10 and 'max_frames reached' in reasons and 'not drawn for the test sample' in reasons, f'{rows} rows, {reasons}')
    why_in_words(d, parts)
    e = ask('errors', 'errors', 'run', cwd=d)
    check([i['iteration'] for i in e['iterations']] == [0, 1] and not e['failures'] and not e['failed_frames'], 'errors')
    for group in ('all', 'system', 'temperature', 'element'):
        for part in ('train', 'test', 'new'):
            check(any(t['set'] == part and t['group'] == group for t in e['iterations'][1]['table']) or (group == 'temperature' and part == 'train'),
                  f'no errors of {part} by {group}')
    print(f'{len(parts)} labelled frames, {rows} rows of classes.csv')


def why_in_words(d, parts):
    one = next(f for f, p in parts.items() if p[0] == 'test')
    out, _ = alnd('why', 'run', one, cwd=d)
    check('never trained on' in out and 'trained on  never: it measures the error' in out and 'trust window' in out, out)
    first = next(f for f, p in parts.items() if p[1] == 'initial/gather' and 'init' in f)
    out, _ = alnd('why', 'run', first, cwd=d)
    check('by 4 models, iterations 0 to 1, and the published ones' in out and 'initial data are all labelled' in out, out)
    out, err = alnd('why', 'run', 'Li2S', code=2, cwd=d)
    check(out == '' and re.search(r"\d+ frames begin with 'Li2S': \S+, \S+, \S+, \.\.\.", err), err)
    prefix = first[:-1] if len([f for f in parts if f.startswith(first[:-1])]) == 1 else first
    check(json.loads(alnd('why', 'run', prefix, '--json', cwd=d)[0])['frame'] == first, prefix)
    out, err = alnd('why', 'run', one + 'x', '--json', code=2, cwd=d)
    check(out == '' and 'no frame is called' in err and one in err, err)
    alnd('why', 'run', '', code=2, cwd=d)
    alnd('why', 'run', 'x' * 5000, code=2, cwd=d)
    alnd('why', 'run', code=2, cwd=d)


def test_scf():
    # two steps are never enough, on no rung of the ladder
    d = real_place('scf', *SHORT, (r'label: \{cutoff', 'label: {max_scf: 2, cutoff'), (r'  aimd: .*\n', ''))
    out, err = alnd('start', 'mini.yaml', code=1, cwd=d)
    check(re.search(r'6 of 6 frames could not be labelled \(label.max_failed is 30 %\); 6 of them: NOTCONV: .*density not converged', err), err)
    run = os.path.join(os.path.realpath(d), 'run')
    frame = re.search(rf'alnd why {re.escape(run)} (\S+),', err)
    check(frame and f'alnd errors {run} shows all' in err and f'less {run}/initial/' in err and 'raise label.max_failed' in err, 'no hint: ' + err)
    w = ask('why', 'why', 'run', frame.group(1), cwd=d)
    check(w['label']['status'] == 'failed' and w['label']['code'] == 'NOTCONV' and w['use']['set'] is None, str(w))
    check(re.search('quarantine  NOTCONV: .*density not converged', alnd('why', 'run', frame.group(1), cwd=d)[0]), 'why in words')
    e = ask('errors', 'errors', 'run', cwd=d)
    check(len(e['failed_frames']) == 6 and all(f['code'] == 'NOTCONV' and f['scf_iterations'] for f in e['failed_frames']), str(e['failed_frames']))
    gather = [f for f in e['failures'] if f['task'] == 'initial/gather']
    check(len(gather) == 1 and gather[0]['state'] == 'FAILED' and '6 of 6' in gather[0]['message'], str(e['failures']))
    for f in e['failed_frames']:
        check(subprocess.run(['sh', '-c', f['log'].replace('less', 'test -f', 1)], cwd=d).returncode == 0, f['log'])
        check(subprocess.run(['sh', '-c', f['why'].replace('alnd', ALND, 1) + ' >/dev/null'], cwd=d).returncode == 0, f['why'])
    alnd('errors', 'run', '-i', '0', code=2, cwd=d)  # there is no such iteration
    # with the limit out of the way the other diagnosis comes: the gathering is tried again, the labels are not
    text = open(d + '/mini.yaml').read()
    open(d + '/mini.yaml', 'w').write(text.replace('max_scf: 2', 'max_failed: 100 %, max_scf: 2'))
    out, err = alnd('start', 'mini.yaml', code=1, cwd=d)
    check('no initial frame could be labelled' in err, err)
    check('label/000 started' not in out, 'labels were made again')


TOP = tempfile.mkdtemp(prefix='alnd-commands-')
ENV = {'ALND_WORKER': os.path.abspath(sys.argv[4])} if MODE == 'fake' else {}
check(set(SCHEMA) == {'status', 'event', 'errors', 'why', 'retry'}, f'schemas in docs/commands.md: {set(SCHEMA)}')
if MODE != 'fake' and not glob.glob(os.path.join(PSEUDO, 'SPMS', '*Li*.psp8')):
    print(f'skipped: no pseudopotentials in {PSEUDO}/SPMS (./setup.sh build fetches them)')
    sys.exit(77)
try:
    for test in {'fake': (test_errors_and_retry_at_rest, test_tables_and_frames, test_retry_all_and_start_itself, test_retry_of_a_running_daemon, test_watch,
                          test_watch_exit_codes), 'real': (test_real,), 'scf': (test_scf,)}[MODE]:
        test()
        print('ok', test.__name__)
finally:
    rundirs.kill_all(TOP)
    if os.environ.get('ALND_KEEP'):
        print('kept', TOP)
    else:
        shutil.rmtree(TOP, ignore_errors=True)
