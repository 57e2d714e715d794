#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""Campaigns through PBS, LSF and Flux, for which tests/daemon/fake_queue.py stands in: a whole one, one whose daemon is killed again
and again (submissions under way), one that is stopped; values that are refused.

queues.py BIN_DIR SOURCE_DIR FAKE_WORKER pbs|lsf|flux [refused|whole|kill|stop...]"""
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import cluster_campaign
import rundirs
from cluster_campaign import check, kill_again_and_again, once, same, slow_submission

BIN, SOURCE, FAKE, SYSTEM = *(os.path.abspath(p) for p in sys.argv[1:4]), sys.argv[4]
sys.path.insert(0, os.path.join(SOURCE, 'tests/daemon'))
import fake_queue # noqa: E402

ALND = os.path.join(BIN, 'alnd')
QUEUE = 'executor: %s, %s: {poll: 0.3 s, launcher: [nice]}' % (SYSTEM, SYSTEM)
SUBMIT = {'pbs': 'qsub', 'lsf': 'bsub', 'flux': 'flux'}[SYSTEM]
BAD = {'pbs': ('extra: [--x]', 'extra: [-I]', 'extra: [-l]', 'extra: [-l, "select=1:ncpus=4"]', 'extra: [-l, "place=free,walltime=9"]',
               'extra: [-W, block=true]', 'extra: [-v, "A=b"]', 'extra: [-l, -p]'),
       'lsf': ('extra: [-I]', 'extra: [-R]', 'extra: [-J, x]', 'extra: [-R, "select[x] $(id)"]', 'extra: [-E, "/bin/x"]', 'extra: [-env, all]'),
       'flux': ('extra: [-x]', 'extra: ["--wrap"]', 'extra: [--job=x]', 'extra: ["--setopt=x"]', 'extra: ["--env=A"]', 'extra: ["--cc=0-3"]')}[SYSTEM]


class Cluster:
    def __init__(self):
        self.queue = fake_queue.Queue(SYSTEM)
        self.env = self.queue.env

    def jobs(self):
        return ['(of the stand-in)'] # for messages


def campaign(name, resources=QUEUE, **env):
    return cluster_campaign.Campaign(CLUSTER, ALND, TOP, name, resources, FAKE, **env)


def until(c, what, limit=60):
    end = time.time() + limit
    while not what():
        check(time.time() < end and c.process.poll() is None, f'{c.d}: waited in vain, {c.process.poll()}:\n{c.log()[-2000:]}')
        time.sleep(0.05)


def test_refused(_):
    c = campaign('refused')
    open(os.path.join(CLUSTER.queue.d, 'refuse'), 'w').close()
    c.start().finish(60, 1)
    os.unlink(os.path.join(CLUSTER.queue.d, 'refuse'))
    check(f'{SUBMIT} refused the job' in c.log(), c.log())
    c = campaign('absent')
    c.env['PATH'] = os.path.join(c.d, 'nothing')
    c.start().finish(20, 2)
    check(f'{SUBMIT} is not in PATH' in c.log(), c.log())
    for i, bad in enumerate(('modules: ["a; touch x"]', 'launcher: ["$(id)"]', 'queue: "a b"', 'account: -x', 'modules: [/tmp/x]') + BAD):
        c = campaign(f'bad{i}', 'executor: %s, %s: {%s}' % (SYSTEM, SYSTEM, bad))
        c.start().finish(20, 2)
        check(re.search(r'mini\.yaml:\d+:\d+: ', c.log()) and not os.path.exists(os.path.join(c.d, 'run')), f'{bad}: {c.log()}')
    c = campaign('launcher')
    p = subprocess.run([ALND, 'start', 'mini.yaml'], cwd=c.d, env=c.env, capture_output=True, text=True, timeout=20)
    check(p.returncode == 2 and '--allow-commands' in p.stderr and f'resources.{SYSTEM}.launcher' in p.stderr, f'{p.returncode} {p.stderr}')
    print(f'refused: a submission, no {SUBMIT}, {5 + len(BAD)} bad values, a launcher without --allow-commands')


def test_whole(reference):
    c = campaign('whole').start().finish()
    once(c)
    n = same(reference, c)
    left = [os.path.basename(p) for p in glob.glob(os.path.join(c.d, 'run', SYSTEM, '*')) if not p.endswith('.log')]
    check(not left, f'left of jobs that have ended: {left}')
    print(f'whole: {len(c.begun())} tasks; {n} files as with the executor local')


def test_kill(reference):
    c = campaign('kill', ALND_FAKE_MS='100')
    slow_submission(c, SUBMIT, 'case "$1" in jobs|cancel) exec PROGRAM "$@";; esac\n' if SYSTEM == 'flux' else '')
    kills, adopted = kill_again_and_again(c, 60)
    once(c)
    n = same(reference, c)
    check(kills >= 5 and adopted >= 5, f'{kills} kills, {adopted} adoptions: not much of a test')
    print(f'kill: daemon killed {kills} times, {adopted} tasks adopted, no worker started twice; {n} files as without')


def test_stop(reference):
    c = campaign('stop', ALND_FAKE_MS='2000', ALND_FAKE_SLOW='iterations/000/train').start()
    until(c, lambda: os.path.exists(os.path.join(c.d, 'fake.log')) and 'iterations/000/train/0' in c.begun())
    c.process.send_signal(signal.SIGINT)
    c.finish(60, 3)
    check(not c.failures(), f'failures: {c.failures()}')
    c.start().finish()
    print(f'stop: Ctrl-C, then on; {same(reference, c)} files as without')


TOP = tempfile.mkdtemp(prefix='alnd-queues-')
CLUSTER = Cluster()
try:
    local = campaign('reference', 'executor: local').start().finish()
    for name in sys.argv[5:] or ('refused', 'whole', 'kill', 'stop'):
        {'refused': test_refused, 'whole': test_whole, 'kill': test_kill, 'stop': test_stop}[name](local)
finally:
    rundirs.kill_all(TOP)
    CLUSTER.queue.stop()
    if os.environ.get('ALND_KEEP'):
        print('kept', TOP)
    else:
        shutil.rmtree(TOP, ignore_errors=True)
