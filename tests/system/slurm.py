#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""Campaigns through a real Slurm of one node that the test starts itself.

slurm.py BIN_DIR SOURCE_DIR FAKE_WORKER short    workers without physics: refusals, a whole campaign
slurm.py BIN_DIR SOURCE_DIR FAKE_WORKER loop     the same hurt: daemon killed again and again, stopped, slurmctld away
slurm.py BIN_DIR SOURCE_DIR FAKE_WORKER trouble  a job cancelled, one requeued, the node down
slurm.py BIN_DIR SOURCE_DIR FAKE_WORKER limit    jobs that come to their time limit
slurm.py BIN_DIR SOURCE_DIR TEST conform         the executor's conformance test (tests/daemon) on it
slurm.py BIN_DIR SOURCE_DIR FAKE_WORKER mini     mini.yaml with the real engines: bit for bit what the executor local gives
Exit 77: skipped, Slurm (Debian: slurmctld slurmd slurm-client munge) or the pseudopotentials are missing."""
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

import cluster_campaign
import rundirs
import slurm_cluster
from cluster_campaign import check, kill_again_and_again, once, same, slow_submission
from rundirs import attempts

BIN, SOURCE, FAKE, MODE = *(os.path.abspath(p) for p in sys.argv[1:4]), sys.argv[4]
ALND = os.path.join(BIN, 'alnd')
PSEUDO = os.environ.get('ALND_PSEUDO_DIR') or os.path.join(SOURCE, '.alnd/pseudo')
SLURM = 'executor: slurm, slurm: {poll: 0.5 s, launcher: [nice]}'


def Campaign(name, resources, worker=FAKE, **env):
    return cluster_campaign.Campaign(CLUSTER, ALND, TOP, name, resources, worker, **env)


def test_whole(reference):
    c = Campaign('whole', SLURM).start().finish()
    once(c)
    n = same(reference, c)
    names = [j for j in CLUSTER.jobs() if j[2].startswith('alnd-')]
    arrays = {j[0] for j in names if j[1] != 'N/A'}
    check(len(arrays) >= 3, f'labels did not go as arrays: {names}')
    check(not glob.glob(os.path.join(c.d, 'run/slurm/*.sh')), 'scripts of finished jobs are left')
    print(f'whole: {len(c.begun())} tasks, {len(names)} jobs of which {len(arrays)} arrays; {n} files as with the executor local')


def test_kill(reference):
    c = Campaign('kill', SLURM, ALND_FAKE_MS='300')
    slow_submission(c, 'sbatch')
    kills, adopted = kill_again_and_again(c, 200)
    once(c)
    n = same(reference, c)
    many = {t: k for t, k in attempts(c.d).items() if k > 1}
    check(kills >= 5 and adopted >= 5, f'{kills} kills, {adopted} adoptions: not much of a test')
    print(f'kill: daemon killed {kills} times, {adopted} tasks adopted, no worker started twice ({len(many)} intents had not got as far as sbatch); '
          f'{n} files as without')


def test_trouble(reference):
    """A job cancelled by somebody, one requeued, the node down: each goes on."""
    c = Campaign('trouble', SLURM, ALND_FAKE_MS='4000', ALND_FAKE_SLOW='iterations/000/train').start()
    a, b = 'iterations/000/train/0', 'iterations/000/train/1'
    job_a, job_b = c.job_of(a), c.job_of(b)
    limit = time.time() + 60
    while not {a, b} <= set(c.begun()): # on a busy machine that is a while after RUNNING
        check(time.time() < limit, f'the workers of {a} and {b} do not begin: {c.begun()}')
        time.sleep(0.05)
    CLUSTER.call('scancel', job_a)
    CLUSTER.call('scontrol', 'requeue', job_b)
    c.job_of(a), c.job_of(b)
    time.sleep(0.5)
    CLUSTER.call('scontrol', 'update', 'nodename=localhost', 'state=down', 'reason=test')
    time.sleep(2)
    try:
        CLUSTER.call('scontrol', 'update', 'nodename=localhost', 'state=resume')
    except RuntimeError as e: # it has come back by itself (ReturnToService)
        check('Invalid node state' in str(e), str(e))
    c.finish()
    n = same(reference, c)
    failures = c.failures()
    check([f[0] for f in failures] == [a] and 'cancelled in Slurm, not by alnd' in failures[0][2], f'failures: {failures}')
    begun = {t: k for t, k in c.begun().items() if k > 1}
    check(set(begun) == {a, b} and begun[b] >= 3, f'begun more than once: {begun}')
    print(f'trouble: scancel, requeue and a node down: starts {begun}, failures counted: {len(failures)}; {n} files as without')


def test_walltime():
    c = Campaign('walltime', 'train: {time: 1 min}, ' + SLURM.replace('slurm: {', 'slurm: {grace: 30 s, '), ALND_FAKE_MS='45000',
                 ALND_FAKE_SLOW='iterations/000/train/1')
    return c.start()


def walltime_ended(c, reference):
    c.finish()
    n = same(reference, c)
    check(not c.failures(), f'failures: {c.failures()}')
    told = [line for line in c.log().split('\n') if 'train/1' in line]
    check(any('stopped before its time limit in Slurm; it goes on' in line for line in told), f'{told} {c.begun()}')
    check(c.begun()['iterations/000/train/1'] >= 2, f'{c.begun()}')
    print(f'walltime: a task of 45 s in jobs of 1 min less 30 s: {c.begun()["iterations/000/train/1"]} jobs; {n} files as without')


def test_stop(reference):
    c = Campaign('stop', SLURM, ALND_FAKE_MS='3000', ALND_FAKE_SLOW='iterations/000/train').start()
    c.job_of('iterations/000/train/0')
    c.process.send_signal(signal.SIGINT)
    c.finish(60, 3)
    left = [j for j in CLUSTER.jobs() if j[3] in ('RUNNING', 'PENDING') and os.path.exists(os.path.join(c.d, 'run/slurm', j[2][5:] + '.sh'))]
    check(not left, f'jobs left after a stop: {left}')
    check(not c.failures(), f'failures: {c.failures()}')
    c.start().finish()
    print(f'stop: Ctrl-C, then on; {same(reference, c)} files as without')


def test_controller_down(reference):
    """slurmctld away for some seconds: the daemon waits, answers, and submits nothing twice."""
    c = Campaign('away', SLURM, ALND_FAKE_MS='1500', ALND_FAKE_SLOW='/train/').start()
    c.job_of('iterations/000/train/0')
    CLUSTER.controller.send_signal(signal.SIGSTOP)
    time.sleep(1)
    t0 = time.time()
    p = subprocess.run([ALND, 'status', 'run', '--json'], cwd=c.d, capture_output=True, text=True, timeout=20)
    took = time.time() - t0
    check(p.returncode == 0 and json.loads(p.stdout) and took < 5, f'alnd status with slurmctld away: {p.returncode}, {took:.2f} s')
    time.sleep(2)
    CLUSTER.controller.send_signal(signal.SIGCONT)
    c.finish()
    once(c)
    print(f'away: slurmctld stopped for 3 s, alnd status answered in {1000 * took:.0f} ms; {same(reference, c)} files as without')


def test_refused():
    c = Campaign('refused', SLURM.replace('slurm: {', 'slurm: {partition: nowhere, ')).start().finish(60, 1)
    check('sbatch refused the job' in c.log() and 'nvalid partition' in c.log(), c.log())
    c = Campaign('absent', SLURM)
    c.env['PATH'] = os.path.join(c.d, 'nothing')
    before = sorted(os.listdir(c.d)) + ['out.log']
    c.start().finish(20, 2)
    check('sbatch is not in PATH' in c.log() and sorted(os.listdir(c.d)) == sorted(before), f'{c.log()} {os.listdir(c.d)}')
    for i, bad in enumerate(('modules: ["a; touch x"]', 'launcher: ["$(id)"]', 'extra: ["--wrap=id"]', 'extra: ["--wr=id"]', 'extra: [-x]',
                             'extra: ["--comment=`id`"]', 'partition: "a b"', 'account: --wrap', 'modules: [""]', 'modules: [/tmp/x]', 'extra: [--container=x]')):
        c = Campaign(f'bad{i}', 'executor: slurm, slurm: {%s}' % bad)
        c.start().finish(20, 2)
        check(re.search(r'mini\.yaml:\d+:\d+: ', c.log()) and not os.path.exists(os.path.join(c.d, 'run')), f'{bad}: {c.log()}')
    c = Campaign('launcher', SLURM)
    p = subprocess.run([ALND, 'start', 'mini.yaml'], cwd=c.d, env=c.env, capture_output=True, text=True, timeout=20)
    check(p.returncode == 2 and '--allow-commands' in p.stderr and not os.path.exists(os.path.join(c.d, 'run')), f'{p.returncode} {p.stderr}')
    print('refused: unknown partition, no sbatch, eleven bad values, a launcher without --allow-commands')


def test_mini():
    if not glob.glob(os.path.join(PSEUDO, 'SPMS', '*Li*.psp8')):
        print(f'skipped: no pseudopotentials in {PSEUDO}/SPMS (./setup.sh build fetches them)')
        sys.exit(77)
    mpi = SLURM.replace(', launcher: [nice]', '')
    a = Campaign('local', 'executor: local', worker=None).start().finish(600)
    t0 = time.time()
    b = Campaign('jobs', mpi, worker=None).start()
    b.job_of('iterations/000/train/0', limit=300)
    b.process.kill()
    b.process.wait()
    b.start().finish(600)
    print(f'{b.log().count("adopted")} tasks adopted after the kill (test_kill asks for some; here tasks may end before the restart)')
    check(max(attempts(b.d).values()) == 1, f'{attempts(b.d)}')
    print(f'mini: {same(a, b)} files bit for bit as with the executor local, one restart between ({time.time() - t0:.0f} s)')


def test_conform():
    p = subprocess.run([FAKE, 'slurm'], env=CLUSTER.env, timeout=240, cwd=TOP)
    check(p.returncode == 0, f'{FAKE} slurm: {p.returncode}; {CLUSTER.jobs()[-10:]}')


def test_short():
    test_refused()
    reference = Campaign('reference', 'executor: local').start().finish()
    test_whole(reference)


def local():
    return Campaign('reference', 'executor: local').start().finish()


def test_loop():
    reference = local()
    test_kill(reference)
    test_stop(reference)
    test_controller_down(reference)


if slurm_cluster.missing():
    print('skipped: no', ', '.join(slurm_cluster.missing()))
    sys.exit(77)
TOP = tempfile.mkdtemp(prefix='alnd-slurm-')
CLUSTER = slurm_cluster.Cluster(os.path.join(TOP, 'slurm'))
try:
    CLUSTER.start()
    {'short': test_short, 'loop': test_loop, 'limit': lambda: walltime_ended(test_walltime(), local()), 'trouble': lambda: test_trouble(local()),
      'mini': test_mini, 'conform': test_conform}[MODE]()
finally:
    CLUSTER.stop()
    rundirs.kill_all(TOP)
    if os.environ.get('ALND_KEEP'):
        print('kept', TOP)
    else:
        shutil.rmtree(TOP, ignore_errors=True)
