# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""What the tests that kill campaigns look at: who works in a directory, what is finished, what must not depend on kills. The run
directory is D/run."""
import glob
import hashlib
import os
import signal
import sqlite3
import time

NO_RESULT = ('task.yaml', 'result.yaml', 'worker.log', 'lock', 'heartbeat', 'progress')


def processes(d):
    """Everything alive that works in this directory, {process: program}: daemon, mpirun, workers."""
    found = {}
    for p in os.listdir('/proc'):
        if not p.isdigit() or int(p) == os.getpid():
            continue
        try:
            cwd = os.readlink(f'/proc/{p}/cwd')
            exe = os.path.basename(os.readlink(f'/proc/{p}/exe'))
        except OSError:
            continue
        if cwd.startswith(d) and (exe.startswith('alnd') or 'mpirun' in exe or 'orterun' in exe or 'prterun' in exe):
            found[int(p)] = exe
    return found


def workers(d, name):
    """[(process, its command line)] of a program that works in this directory."""
    found = []
    for p in filter(str.isdigit, os.listdir('/proc')):
        try:
            line = open(f'/proc/{p}/cmdline', encoding='utf-8').read().replace('\0', ' ')
            if os.readlink(f'/proc/{p}/cwd').startswith(d) and os.path.basename(line.split(' ')[0]) == name:
                found.append((int(p), line))
        except OSError:
            pass
    return found


def kill(pids):
    for p in pids:
        try:
            os.kill(p, signal.SIGKILL)
        except OSError:
            pass


def kill_all(d):
    """True when nothing is left."""
    for _ in range(40):
        alive = processes(d)
        if not alive:
            return True
        kill(alive)
        time.sleep(0.05)
    return False


def results(d):
    """Every finished task: its result file's inode and time, to see that it is never written again."""
    return {os.path.relpath(p, d): (os.stat(p).st_ino, os.stat(p).st_mtime_ns)
            for p in glob.glob(os.path.join(d, 'run/**/result.yaml'), recursive=True)}


def digest(path):
    with open(path, 'rb') as f:
        return hashlib.sha256(f.read()).hexdigest()


def outcome(d):
    """What must not depend on kills: models, data sets, labels, error tables, trajectories, transport."""
    found = {}
    for pattern in ('models/*', 'data/**/*', 'iterations/*/errors.yaml', 'iterations/*/train/*/model.dp',
                    'iterations/*/train/*/lcurve.out', '**/labelled.extxyz', 'iterations/*/select/*.*', 'iterations/*/evaluate/calibration.csv', 'certificate.yaml',
                    'production/*/traj.*', 'production/*/volume.yaml', 'production/*/thermo.out', 'transport/*.yaml'):
        for p in glob.glob(os.path.join(d, 'run', pattern), recursive=True):
            if os.path.isfile(p) and os.path.basename(p) not in NO_RESULT:
                found[os.path.relpath(p, d)] = digest(p)
    return found


def attempts(d):
    db = sqlite3.connect(f'file:{d}/run/alnd.db?mode=ro', uri=True)
    found = dict(db.execute('select task, count(*) from attempt group by task').fetchall())
    db.close()
    return found
