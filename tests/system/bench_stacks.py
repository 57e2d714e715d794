#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""Two stacks of engines on the same loop, side by side: wall time by stage, processor time, errors on held-out frames.

bench_stacks.py BIN_DIR SOURCE_DIR [--config C.yaml] [--labels dft,ENGINE] [--stacks ours,kit] [--keep DIR] [--set OLD=NEW]...

  ours   train, explore, produce by alnd; labels by the first engine of --labels
  kit    deepmd-kit trains, LAMMPS explores and produces; labels by the second of --labels (or the only one)

Same frames to begin with, networks, steps, batches, schedule and optimiser (Adam): what differs is who does it, and so, from the first
exploration on, which frames are chosen. The default loop is stacks.yaml with LAMMPS beside the Python of deepmd-kit ($ALND_PEER_PYTHON or
/opt/dpvenv/bin/python). Prints a table in Markdown. Exit 77: something is not there."""
import argparse
import json
import os
import re
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import datetime

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../dft/peer'))
import upf  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
KIT = os.path.dirname(os.environ.get('ALND_PEER_PYTHON', '/opt/dpvenv/bin/python'))
ELEMENTS = ('Li', 'S') # of stacks.yaml
STAGES = ('label', 'train', 'explore', 'volume', 'produce')


def replaced(text, *pairs):
    for old, new in pairs:
        if text.count(old) != 1:
            raise SystemExit(f'{old!r} is there {text.count(old)} times, not once')
        text = text.replace(old, new)
    return text


def loop(text, stack, label=None):
    """loop.yaml of a stack from one in flow style as stacks.yaml is."""
    if not re.search(r'^  optimiser:', text, re.M):
        text = replaced(text, ('train:\n', 'train:\n  optimiser: adam\n'))
    if 'schedule' not in text:
        text = replaced(text, ('learning_rate: {', 'learning_rate: {schedule: exponential, '))
    if label and label != 'dft':
        text = re.sub(r'(\n  engine: |\{engine: )dft', r'\g<1>' + label, text) if 'engine: dft' in text else \
            replaced(text, ('\nlabel: {', f'\nlabel: {{engine: {label}, '))
    if stack == 'ours':
        return text
    return replaced(text, ('train:\n', 'train:\n  engine: deepmd\n'), ('explore: {', 'explore: {engine: lammps, '),
                    ('production: {', 'production: {engine: lammps, format: extxyz, '),
                    ('resources: {', f'resources: {{lammps: {KIT}/lmp, deepmd: {KIT}/dp, '))


def with_upf(text, d):
    """The same pseudopotentials for pw.x, made from the psp8 files of the build."""
    pseudo = os.path.join(os.environ.get('ALND_PSEUDO_DIR') or os.path.join(HERE, '../../.alnd/pseudo'), 'SPMS')
    os.makedirs(f'{d}/upf')
    missing = upf.write_all(pseudo, ELEMENTS, f'{d}/upf')
    if missing:
        print(f'skipped: no pseudopotential of {missing} in {pseudo}')
        sys.exit(77)
    return replaced(text, ('pseudopotentials: SPMS', f'pseudopotentials: {os.path.abspath(d)}/upf'))


def stage_times(run):
    """Of each verb: wall seconds in which at least one of its tasks ran, seconds of all its tasks, tasks."""
    db = sqlite3.connect(f'file:{run}/alnd.db?mode=ro', uri=True)
    spans = {}
    for verb, start, end in db.execute("SELECT verb, started, ended FROM attempt JOIN task ON task.id = attempt.task WHERE ended != ''"):
        spans.setdefault(verb, []).append([datetime.fromisoformat(x.replace('Z', '+00:00')).timestamp() for x in (start, end)])
    out = {}
    for verb, s in spans.items():
        wall, until = 0, 0
        for a, b in sorted(s):
            wall += max(0, b - max(a, until))
            until = max(until, b)
        out[verb] = (wall, sum(b - a for a, b in s), len(s))
    return out


def errors(run):
    """Force and energy error of the last iteration on held-out frames, eV/Ang and meV/atom."""
    last = sorted(os.listdir(f'{run}/iterations'))[-1]
    text = open(f'{run}/iterations/{last}/errors.yaml').read()
    force, energy = (float(re.search(r'^  %s: ([\d.e+-]+)$' % key, text[text.index('\nconverge:'):], re.M)[1]) for key in ('force_rmse', 'energy_rmse'))
    return force, 1e3 * energy


def measure(alnd, text, d, name):
    os.makedirs(d)
    open(f'{d}/{name}.yaml', 'w').write(text)
    env = dict(os.environ, OMP_NUM_THREADS='1', OPENBLAS_NUM_THREADS='1')
    t0, r0 = time.time(), resource.getrusage(resource.RUSAGE_CHILDREN)
    p = subprocess.run([alnd, 'start', f'{name}.yaml', '--allow-commands'], cwd=d, env=env, capture_output=True, text=True)
    wall, r1 = time.time() - t0, resource.getrusage(resource.RUSAGE_CHILDREN)
    if p.returncode:
        raise SystemExit(f'{name}: alnd start ended with {p.returncode}: {p.stdout[-1500:]}{p.stderr[-1500:]}')
    run = os.path.join(d, re.search(r'^workdir: (.*)$', text, re.M)[1])
    force, energy = errors(run)
    return {'stack': name, 'wall': wall, 'cpu': r1.ru_utime + r1.ru_stime - r0.ru_utime - r0.ru_stime, 'stages': stage_times(run),
            'force': force, 'energy': energy}


def table(rows):
    print('| | ' + ' | '.join(r['stack'] for r in rows) + ' |\n|---' + '|---' * len(rows) + '|')
    for s in STAGES:
        cells = [r['stages'].get(s) for r in rows]
        if any(cells):
            print(f'| {s}: wall s (s of all tasks, tasks) | ' + ' | '.join(f'{c[0]:.0f} ({c[1]:.0f}, {c[2]})' if c else '-' for c in cells) + ' |')
    print('| whole loop, wall s | ' + ' | '.join(f'{r["wall"]:.0f}' for r in rows) + ' |')
    print('| whole loop, processor s | ' + ' | '.join(f'{r["cpu"]:.0f}' for r in rows) + ' |')
    print('| held-out force error, eV/Ang | ' + ' | '.join(f'{r["force"]:.4f}' for r in rows) + ' |')
    print('| held-out energy error, meV/atom | ' + ' | '.join(f'{r["energy"]:.2f}' for r in rows) + ' |')


def main():
    p = argparse.ArgumentParser()
    p.add_argument('bin')
    p.add_argument('source')
    p.add_argument('--config', default=os.path.join(HERE, 'stacks.yaml'))
    p.add_argument('--labels', default='dft')
    p.add_argument('--stacks', default='ours,kit')
    p.add_argument('--keep')
    p.add_argument('--set', action='append', default=[], help='OLD=NEW, once in the text of the config')
    o = p.parse_args()
    for name in ('dp', 'lmp'):
        if not os.path.exists(f'{KIT}/{name}'):
            print(f'skipped: no {KIT}/{name} (ALND_PEER_PYTHON names its Python)')
            sys.exit(77)
    text = replaced(open(o.config).read(), *[s.split('=', 1) for s in o.set])
    labels = o.labels.split(',')
    top = os.path.abspath(o.keep) if o.keep else tempfile.mkdtemp(prefix='alnd-stacks-')
    rows = []
    for stack in o.stacks.split(','):
        d = os.path.join(top, stack)
        os.makedirs(top, exist_ok=True)
        label = labels[0] if stack == 'ours' else labels[-1]
        files = re.findall(r'structure: (\S+?)[},]', text)
        mine = loop(text, stack, label)
        if label == 'qe':
            mine = with_upf(mine, os.path.join(top, 'pseudo'))
        for f in files:
            mine = mine.replace(f, os.path.join(os.path.dirname(os.path.abspath(o.config)), f))
        rows.append(measure(os.path.join(os.path.abspath(o.bin), 'alnd'), mine, d, stack))
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    table(rows)
    if not o.keep:
        shutil.rmtree(top)


if __name__ == '__main__':
    main()
