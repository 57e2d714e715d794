#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""reliability.py BIN_DIR SOURCE_DIR [LOOP.yaml] [--kills N] [--seed S] [--log FILE.md] [--keep DIR]

The real programs under SIGKILL. LOOP.yaml (default tests/system/mini.yaml) runs once undisturbed and once with N (20) SIGKILLs at
random moments, in turn to the daemon, to one worker (as the OOM killer would) and to the daemon with all workers and their mpirun,
started again each time. Then: no finished task was touched, and models, data sets,
labels, error tables, trajectories and transport are bit for bit those of the undisturbed run.
Exit 77: skipped, the pseudopotentials are missing."""
import argparse
import glob
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

import rundirs

KINDS = ('daemon', 'worker', 'both')


def fail(text):
    print('FAIL:', text, flush=True)
    sys.exit(1)


class Run:
    """One run directory TOP/NAME/run with its loop.yaml and whoever works in it."""

    def __init__(self, alnd, top, name, config):
        self.alnd, self.dir = alnd, os.path.join(top, name)
        shutil.copytree(os.path.dirname(config), self.dir, ignore=lambda d, names: [n for n in names if n.endswith('.py')])
        with open(config) as f:
            text = f.read()
        text = re.sub(r'(?m)^workdir:.*$', 'workdir: run', text)
        # every kill of a worker counts as a transient failure of its task
        text, n = re.subn(r'(?m)^resources: \{', 'resources: {retries: 100, ', text)
        if n != 1:
            fail(f'{config} has no line "resources: {{...}}"')
        # and is the fault of the frame that it was at
        head, tail = text.split('\nresources: {', 1)
        tail, n = re.subn(r'label: \{', 'label: {deaths: 1000, ', tail, count=1)
        if n != 1:
            fail(f'{config} has no resources.label: {{...}}')
        text = head + '\nresources: {' + tail
        with open(os.path.join(self.dir, 'loop.yaml'), 'w') as f:
            f.write(text)
        self.process = None

    def start(self):
        with open(os.path.join(self.dir, 'out.log'), 'ab') as log:
            self.process = subprocess.Popen([self.alnd, 'start', 'loop.yaml'], cwd=self.dir, stdout=log, stderr=subprocess.STDOUT,
                                            stdin=subprocess.DEVNULL, start_new_session=True)

    def tail(self):
        with open(os.path.join(self.dir, 'out.log'), errors='replace') as f:
            return f.read()[-3000:]

    def finish(self, limit):
        try:
            code = self.process.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            fail(f'{self.dir}: alnd start took more than {limit:.0f} s; log:\n' + self.tail())
        if code != 0:
            fail(f'{self.dir}: alnd start ended with {code}; log:\n' + self.tail())

    def stage(self):
        """Task directories at work: begun (the lock is there) and without result."""
        tasks = [t[:-5] for t in glob.glob(os.path.join(self.dir, 'run/**/lock'), recursive=True)
                 if not os.path.exists(t[:-5] + '/result.yaml')]
        return sorted(os.path.relpath(t, os.path.join(self.dir, 'run')) for t in tasks)

    def workers(self):
        return [p for p, exe in rundirs.processes(self.dir).items() if exe.startswith('alnd-worker')]


def hit(run, kind, rng):
    """SIGKILL; the processes that got it. A worker: wait for one, stages are short."""
    if kind == 'worker':
        limit = time.time() + 30
        while not run.workers():
            if run.process.poll() is not None or time.time() > limit:
                return []
            time.sleep(0.002)
        victims = [rng.choice(run.workers())]
        rundirs.kill(victims)
        return victims
    victims = [run.process.pid]
    if kind == 'both':
        victims = sorted(rundirs.processes(run.dir))
        rundirs.kill_all(run.dir)
    rundirs.kill(victims)
    run.process.wait()
    return victims


def disturb(run, moments, kinds, rng):
    """The kills; rows for the log. moments: s of work since the start, down time not counted."""
    rows, worked = [], 0.0
    run.start()
    for k, (at, kind) in enumerate(zip(moments, kinds)):
        time.sleep(max(0.0, at - worked))
        worked = at
        if run.process.poll() is not None:
            fail(f'the run ended ({run.process.returncode}) before kill {k + 1} of {len(moments)}; log:\n' + run.tail())
        before, stage = rundirs.results(run.dir), run.stage()
        victims = hit(run, kind, rng)
        if not victims:
            fail(f'kill {k + 1} ({kind}) hit nothing; log:\n' + run.tail())
        after = rundirs.results(run.dir)
        if any(after.get(p) != s for p, s in before.items()):
            fail(f'kill {k + 1}: a finished task was touched')
        rows.append((k + 1, at, kind, len(victims), len(after), ' '.join(stage) or '(between tasks)'))
        print(f'kill {k + 1:2d} at {at:6.1f} s: {kind:6s} {len(victims)} processes, {len(after)} tasks finished, '
              f'at work: {rows[-1][5]}', flush=True)
        if kind != 'worker':
            run.start()
    return rows


def compare(whole, hurt):
    a, b = rundirs.outcome(whole.dir), rundirs.outcome(hurt.dir)
    if len(a) < 40:
        fail(f'only {len(a)} files to compare')
    for p in sorted(set(a) | set(b)):
        if a.get(p) != b.get(p):
            fail(f'{p} differs from the undisturbed run')
    return len(a)


def write_log(path, name, o, rows, facts):
    with open(path, 'w') as f:
        f.write(f'`{name}`, seed {o.seed}: undisturbed {facts["whole"]:.0f} s, with {len(rows)} SIGKILLs {facts["hurt"]:.0f} s. '
                f'{facts["files"]} files equal bit for bit, {facts["tasks"]} tasks, {facts["again"]} starts more than tasks.\n\n')
        f.write('| kill | at (s of work) | SIGKILL to | processes | tasks finished | at work |\n|---|---|---|---|---|---|\n')
        for k, at, kind, n, done, stage in rows:
            f.write(f'| {k} | {at:.1f} | {kind} | {n} | {done} | {stage} |\n')


def campaign(o, top):
    alnd = os.path.join(os.path.abspath(o.bin), 'alnd')
    config = os.path.abspath(o.config or os.path.join(o.source, 'tests/system/mini.yaml'))
    rng = random.Random(o.seed)
    whole, hurt = Run(alnd, top, 'whole', config), Run(alnd, top, 'hurt', config)
    t0 = time.time()
    whole.start()
    whole.finish(o.limit)
    seconds = time.time() - t0
    print(f'undisturbed: {seconds:.1f} s; seed {o.seed}', flush=True)
    # a run that is disturbed takes longer, so moments of the undisturbed one are all met
    moments = sorted(rng.uniform(0.02, 0.95) * seconds for _ in range(o.kills))
    kinds = [KINDS[i % len(KINDS)] for i in range(o.kills)]
    rng.shuffle(kinds)
    t0 = time.time()
    rows = disturb(hurt, moments, kinds, rng)
    before = rundirs.results(hurt.dir)
    hurt.finish(o.limit)
    facts = {'whole': seconds, 'hurt': time.time() - t0}
    after = rundirs.results(hurt.dir)
    if any(after[p] != s for p, s in before.items()):
        fail('a finished task was run again after the last kill')
    facts['files'] = compare(whole, hurt)
    n, undisturbed = rundirs.attempts(hurt.dir), rundirs.attempts(whole.dir)
    if sorted(n) != sorted(undisturbed):
        fail('the two runs have not the same tasks')
    facts['tasks'], facts['again'] = len(n), sum(n.values()) - len(n)
    if not facts['again']:
        fail('no task was started twice: the kills hit nothing')
    print(f'{facts["files"]} files equal bit for bit after {len(rows)} kills ({facts["hurt"]:.0f} s); {facts["again"]} starts more '
          f'than the {facts["tasks"]} tasks')
    if o.log:
        write_log(o.log, os.path.basename(config), o, rows, facts)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('bin')
    parser.add_argument('source')
    parser.add_argument('config', nargs='?')
    parser.add_argument('--kills', type=int, default=20)
    parser.add_argument('--seed', type=int, default=int(time.time()))
    parser.add_argument('--limit', type=float, default=900)
    parser.add_argument('--log')
    parser.add_argument('--keep')
    o = parser.parse_args()
    pseudo = os.environ.get('ALND_PSEUDO_DIR') or os.path.join(o.source, '.alnd/pseudo')
    if not glob.glob(os.path.join(pseudo, 'SPMS', '*Li*.psp8')):
        print(f'skipped: no pseudopotentials in {pseudo}/SPMS (./setup.sh build fetches them)')
        sys.exit(77)
    top = o.keep or tempfile.mkdtemp(prefix='alnd-reliability-')
    try:
        campaign(o, top)
    finally:
        rundirs.kill_all(top)
        if not o.keep:
            shutil.rmtree(top, ignore_errors=True)


if __name__ == '__main__':
    main()
