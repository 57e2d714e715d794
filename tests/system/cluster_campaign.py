# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""A campaign whose tasks are jobs of a batch system, for slurm.py and queues.py: started, killed, looked at, compared."""
import glob
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import time

from rundirs import attempts, outcome

HERE = os.path.dirname(os.path.abspath(__file__))


def check(ok, text):
    if not ok:
        print('FAIL:', text)
        sys.exit(1)


class Campaign:
    """cluster: env, and jobs() for what the queue shows; worker: the one without physics, or None for alnd's own."""
    def __init__(self, cluster, alnd, top, name, resources, worker, **env):
        self.cluster, self.alnd = cluster, alnd
        self.d = os.path.join(top, name)
        os.makedirs(self.d)
        shutil.copy(os.path.join(HERE, 'li2s.extxyz'), self.d)
        text = open(os.path.join(HERE, 'mini.yaml')).read()
        text, n = re.subn(r'resources: \{cores: 2, label: \{batch: 3\}\}', 'resources: {cores: 2, label: {batch: 3}, %s}' % resources, text)
        check(n == 1, 'mini.yaml has other resources than this test thinks')
        if worker:
            text = re.sub(r'label_noise: \d+', 'label_noise: 0', text.replace('label: {batch: 3}', 'label: {batch: 1}'))
        open(os.path.join(self.d, 'mini.yaml'), 'w').write(text)
        self.env = dict(cluster.env, **env)
        if worker:
            self.env.update(ALND_WORKER=worker, ALND_FAKE_LOG=os.path.join(self.d, 'fake.log'))
        self.process = None

    def start(self):
        log = open(os.path.join(self.d, 'out.log'), 'ab')
        self.process = subprocess.Popen([self.alnd, 'start', '--allow-commands', 'mini.yaml'], cwd=self.d, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                        start_new_session=True, env=self.env)
        return self

    def finish(self, limit=240, code=0):
        try:
            got = self.process.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            got = f'nothing in {limit} s'
            self.process.kill()
        check(got == code, f'{self.d}: alnd start ended with {got}, not {code}:\n{self.log()[-3000:]}\n{self.cluster.jobs()[-10:]}')
        return self

    def log(self):
        return open(os.path.join(self.d, 'out.log'), errors='replace').read()

    def daemon_log(self):
        return open(os.path.join(self.d, 'run/alnd.log'), errors='replace').read()

    def begun(self):
        n = {}
        for line in open(os.path.join(self.d, 'fake.log')):
            what, task = line.split()
            if what == 'begin':
                n[task] = n.get(task, 0) + 1
        return n

    def failures(self):
        db = sqlite3.connect(f'file:{self.d}/run/alnd.db?mode=ro', uri=True)
        found = db.execute("select task, n, message from attempt where class is not null and class != ''").fetchall()
        db.close()
        return found

    def job_of(self, task, state='RUNNING', limit=60):
        """'id' or 'id_place' of the task's job once it is in this state."""
        end = time.time() + limit
        while time.time() < end:
            for path in glob.glob(os.path.join(self.d, 'run/slurm/*.sh')):
                try:
                    text = open(path).read()
                except FileNotFoundError:
                    continue
                m = re.search(r'^#ALND (\d+) \S+ %s$' % re.escape(task), text, re.M)
                for base, place, name, now in self.cluster.jobs() if m else ():
                    if name == 'alnd-' + os.path.basename(path)[:-3] and place in ('N/A', m[1]) and now == state:
                        return base if place == 'N/A' else f'{base}_{place}'
            check(self.process.poll() is None, f'alnd ended before {task} was {state}:\n{self.log()[-2000:]}')
            time.sleep(0.1)
        check(False, f'{task} never was {state}: {self.cluster.jobs()[-10:]}\n{self.log()[-2000:]}')


def same(a, b):
    # what workers without physics leave beside the models when they take their time
    x, y = ({p: h for p, h in outcome(c.d).items() if os.path.basename(p) not in ('checkpoint', 'stop')} for c in (a, b))
    check(len(x) > 10, f'only {len(x)} files to compare')
    for p in sorted(set(x) | set(y)):
        check(x.get(p) == y.get(p), f'{p} differs between {a.d} and {b.d}')
    return len(x)


def once(c):
    twice = {t: n for t, n in c.begun().items() if n != 1}
    check(not twice, f'{c.d}: started more than once: {twice}')


# A submission that takes its time: the daemon dies before, while and after the job gets into the queue.
SLOW = '#!/bin/sh\n%ssleep 0.4\n%s "$@"\nrc=$?\nsleep 0.4\nexit $rc\n'


def slow_submission(c, program, only=''):
    """only: a line of shell that ends the script for what is no submission."""
    d = os.path.join(c.d, 'bin')
    os.makedirs(d)
    path, real = os.path.join(d, program), shutil.which(program, path=c.env['PATH'])
    open(path, 'w').write(SLOW % (only.replace('PROGRAM', real), real))
    os.chmod(path, 0o755)
    c.env['PATH'] = d + ':' + c.env['PATH']


def kill_again_and_again(c, seconds):
    """The daemon alone: jobs and a running submission are not its children in any way that matters. Returns kills and adoptions."""
    kills, rng, end = 0, random.Random(6), time.time() + seconds
    while time.time() < end:
        c.start()
        try:
            c.process.wait(timeout=rng.uniform(0.15, 2.5) + 0.25)
            break
        except subprocess.TimeoutExpired:
            c.process.kill()
            c.process.wait()
            kills += 1
    else:
        c.start()
    c.finish()
    return kills, c.log().count('adopted')
