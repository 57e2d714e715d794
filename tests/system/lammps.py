#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""The engine lammps with the real lmp of deepmd-kit's wheel.

lammps.py BIN_DIR SOURCE_DIR      mini.yaml with both engines lammps, to its end; then, with its models, builtin against lammps: the same
                                  trajectory in NVE, the same means in NPT; a production task stopped, killed and gone on; a missing lmp
Exit 77: skipped (no lmp: ALND_PEER_PYTHON or /opt/dpvenv/bin/python names its environment; no pseudopotentials)."""
import glob
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

BIN, SOURCE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
HERE = os.path.join(SOURCE, 'tests/system')
PSEUDO = os.environ.get('ALND_PSEUDO_DIR') or os.path.join(SOURCE, '.alnd/pseudo')
LMP = os.path.join(os.path.dirname(os.environ.get('ALND_PEER_PYTHON', '/opt/dpvenv/bin/python')), 'lmp')
WORKER = os.path.join(BIN, 'alnd-worker')
ENV = dict(os.environ, OMP_NUM_THREADS='1', OPENBLAS_NUM_THREADS='1')


def fail(text):
    print('FAIL:', text)
    sys.exit(1)


def check(ok, text):
    if not ok:
        fail(text)


def alnd(*args, limit=500):
    return subprocess.run([os.path.join(BIN, 'alnd'), *args], capture_output=True, text=True, timeout=limit, env=ENV)


def config(lammps=LMP):
    text = open(os.path.join(HERE, 'mini.yaml')).read()
    text = text.replace('explore: {', 'explore: {engine: lammps, ')
    text = text.replace('production: {', 'production: {engine: lammps, format: extxyz, ')
    text = text.replace('resources: {', f'resources: {{lammps: {lammps}, ')
    text = text.replace('time: 2 ps, timestep', 'time: 1 ps, timestep')
    check(text.count('lammps') == 3, 'mini.yaml has changed')
    return text


def refused():
    open('none.yaml', 'w').write(config('alnd-no-such-lmp'))
    before = sorted(os.listdir('.'))
    p = alnd('start', 'none.yaml')
    check(p.returncode == 2 and 'alnd-no-such-lmp' in p.stderr and 'deepmd-kit[cpu,lmp]' in p.stderr,
          f'a missing lmp: exit {p.returncode}: {p.stderr}')
    check(sorted(os.listdir('.')) == before, 'a missing lmp: something was created')
    open('none.yaml', 'w').write(config())
    p = alnd('start', 'none.yaml')
    check(p.returncode == 2 and '--allow-commands' in p.stderr, f'a path without --allow-commands: exit {p.returncode}: {p.stderr}')


def campaign():
    open('mini.yaml', 'w').write(config())
    t0 = time.time()
    p = alnd('start', 'mini.yaml', '--allow-commands')
    ENV['ALND_ALLOW_COMMANDS'] = LMP  # for the tasks below, which are started by hand
    check(p.returncode == 0, f'alnd start ended with {p.returncode}: {p.stdout[-2000:]}{p.stderr[-2000:]}')
    print(f'campaign with LAMMPS: {time.time() - t0:.0f} s')
    for path in ('iterations/001/explore/Li2S-300K/lammps-checkpoint/in.lammps', 'production/Li2S-300K-volume/volume.yaml',
                 'production/Li2S-300K-0/lammps-equilibration/log.lammps', 'production/Li2S-300K-0/traj.extxyz',
                 'iterations/000/explore/Li2S-500K/frames.extxyz', 'transport/Li2S/msd.svg'):
        check(os.path.getsize('run/' + path) > 0, path + ' is missing or empty')
    check(not glob.glob('run/**/dump.lammpstrj', recursive=True), 'raw dumps are left behind')
    table = open('run/transport/Li2S.yaml').read()
    for key in ('d_cm2_per_s', 'temperature_error_k', 'volume_ang3', 'energy_drift: ', 'samples_above_trust_high'):
        check(key in table, f'{key} is not in transport/Li2S.yaml:\n{table}')


def write_task(name, verb, text):
    """A task of its own in the run directory with the final models, at 300 K."""
    open(f'run/{name}.yaml', 'w').write(text)
    os.makedirs('run/' + name)
    open(f'run/{name}/task.yaml', 'w').write(
        f'verb: {verb}\ntask: {name}\nidentity: {"0123456789abcdef" * 4}\nconfig: {name}.yaml\niteration: 0\nsystem: Li2S\n'
        'index: 0\ntemperature: 300\npurpose: train\nthreads: 1\ninputs:\n  models:\n    - models/graph.0.dp\n'
        '    - models/graph.1.dp\n  start: initial/Li2S/base.extxyz\n')


def work(name, verb, code=0):
    p = subprocess.run([WORKER, verb, f'{name}/task.yaml'], cwd='run', capture_output=True, text=True, timeout=200, env=ENV)
    check(p.returncode == code, f'{name} ended with {p.returncode}: {p.stdout}{p.stderr}')
    if code == 0:
        result = open(f'run/{name}/result.yaml').read()
        check('status: done' in result, result)
        return {k: v.strip('"') for k, v in re.findall(r'^  (\w+): (.*)$', result, re.M)}


def frames(path):
    found = []
    for m in re.finditer(r'^3\n(.*)\n((?:.*\n){3})', open(path).read(), re.M):
        found.append([[float(x) for x in line.split()[1:4]] for line in m.group(2).splitlines()])
    return found


def same_trajectory():
    """NVE in double precision from the same start and velocities."""
    text = config().replace('explore: {', 'explore: {ensemble: nve, precision: double, ').replace('time: 1 ps', 'time: 0.1 ps')
    text = text.replace('stride: 50}\nselect', 'stride: 10}\nselect')
    write_task('nve-lammps', 'explore', text)
    write_task('nve-builtin', 'explore', text.replace('explore: {ensemble: nve, precision: double, engine: lammps',
                                                      'explore: {ensemble: nve, precision: double, engine: builtin'))
    work('nve-lammps', 'explore')
    work('nve-builtin', 'explore')
    a, b = frames('run/nve-lammps/frames.extxyz'), frames('run/nve-builtin/frames.extxyz')
    check(len(a) == len(b) == 10, f'{len(a)} and {len(b)} frames of 10')
    far = [max(abs(x - y) for p, q in zip(f, g) for x, y in zip(p, q)) for f, g in zip(a, b)]
    moved = max(abs(x - y) for p, q in zip(a[0], a[-1]) for x, y in zip(p, q))
    print('positions apart after 10 and 100 steps: %.1e %.1e Ang; moved by %.2f Ang' % (far[0], far[-1], moved))
    check(moved > 0.05 and far[0] < 1e-5 and far[-1] < 1e-3, f'the trajectories differ: {far}')


def same_means():
    text = config().replace('volume_time: 2 ps', 'volume_time: 60 ps')
    write_task('npt-lammps', 'volume', text)
    write_task('npt-builtin', 'volume', text.replace('production: {engine: lammps', 'production: {engine: builtin'))
    a, b = work('npt-lammps', 'volume'), work('npt-builtin', 'volume')
    for mean, error in (('volume_ang3', 'volume_error_ang3'), ('pressure_gpa', 'pressure_error_gpa'), ('temperature', 'temperature_error')):
        x, y, e = float(a[mean]), float(b[mean]), math.hypot(float(a[error]), float(b[error]))
        print(f'{mean}: LAMMPS {x:.3f}, builtin {y:.3f}, apart by {abs(x - y) / e:.1f} standard errors')
        check(abs(x - y) < 6 * e and e < 0.2 * abs(y), f'{mean} differs')


def ends_where_members_are_apart():
    """Ten samples in a row far outside the trust window: no production."""
    for engine in ('builtin', 'lammps'):
        text = config().replace('trust: {auto: true, low: 0.001 eV/Ang, high: 20 eV/Ang}', 'trust: {low: 1e-7 eV/Ang, high: 2e-7 eV/Ang}')
        check('2e-7' in text, 'mini.yaml has changed')
        write_task('apart-' + engine, 'produce', text.replace('production: {engine: lammps', 'production: {engine: ' + engine))
        facts = work('apart-' + engine, 'produce')
        check('10 samples in a row' in facts['ended'] and facts['deviation_samples'] == facts['extrapolating'] == '10', str(facts))


def stopped_killed_and_gone_on():
    """The frames of the whole run are there once each, in order."""
    write_task('hurt', 'produce', config().replace('time: 10 ps', 'time: 200 ps'))
    for how in (signal.SIGTERM, signal.SIGKILL, signal.SIGKILL):
        p = subprocess.Popen([WORKER, 'produce', 'hurt/task.yaml'], cwd='run', stderr=subprocess.PIPE, text=True, env=ENV)
        log, size, limit = 'run/hurt/lammps-checkpoint/log.lammps', 0, time.time() + 100
        if os.path.exists(log):
            size = os.path.getsize(log)
        while not (os.path.exists(log) and os.path.getsize(log) > size + 200000):
            check(p.poll() is None and time.time() < limit, f'it ended early: {p.poll()}')
            time.sleep(0.01)
        p.send_signal(how)
        text = p.communicate(timeout=90)[1]
        check(p.returncode == (3 if how == signal.SIGTERM else -9), f'after {how}: {p.returncode} {text}')
        time.sleep(0.2)
        check(not lammps_lives(), 'LAMMPS outlives its worker')
    said = re.findall(r'^read_restart +(\d+)', open('run/hurt/lammps-checkpoint/in.lammps').read(), re.M)
    check(said, 'it began anew instead of going on')
    facts = work('hurt', 'produce')
    steps = [int(s) for s in re.findall(r'step=(\d+)', open('run/hurt/traj.extxyz').read())]
    check(steps == list(range(0, 200001, 50)), f'frames are missing or twice: {len(steps)}')
    rows = [int(r.split(',')[0]) for r in open('run/hurt/thermo.out').read().splitlines()[1:]]
    check(rows == steps, 'thermo.out has other rows than the trajectory')
    check(facts['drift_small'] == '1' and facts['ended'] == 'all steps done', str(facts))


def lammps_lives(name='hurt'):
    """The process that works in a directory of this task, or None."""
    here = os.path.realpath('run/' + name)
    for p in filter(str.isdigit, os.listdir('/proc')):
        try:
            if os.readlink(f'/proc/{p}/cwd').startswith(here):
                return int(p)
        except OSError:
            pass


def hung_is_noticed():
    write_task('hung', 'produce', config().replace('time: 10 ps', 'time: 200 ps').replace('resources: {', 'resources: {heartbeat: 2 s, '))
    p = subprocess.Popen([WORKER, 'produce', 'hung/task.yaml'], cwd='run', stderr=subprocess.PIPE, text=True, env=ENV)
    log, limit = 'run/hung/lammps-checkpoint/log.lammps', time.time() + 100
    while not (os.path.exists(log) and os.path.getsize(log) > 100000):
        check(p.poll() is None and time.time() < limit, f'it ended early: {p.poll()}')
        time.sleep(0.01)
    os.kill(lammps_lives('hung'), signal.SIGSTOP)
    text = p.communicate(timeout=60)[1]
    check(p.returncode == 1 and 'code=LOST' in text and 'written nothing for 2 s' in text, f'a hung LAMMPS: {p.returncode} {text}')
    check(not lammps_lives('hung'), 'the hung LAMMPS is left behind')
    check(not os.path.exists('run/hung/result.yaml'), 'a result although the trouble may pass')


if not os.path.exists(LMP):
    print(f'skipped: no {LMP} (pip install "deepmd-kit[cpu,lmp]"; ALND_PEER_PYTHON names its Python)')
    sys.exit(77)
if not glob.glob(os.path.join(PSEUDO, 'SPMS', '*Li*.psp8')):
    print(f'skipped: no pseudopotentials in {PSEUDO}/SPMS')
    sys.exit(77)
with tempfile.TemporaryDirectory(prefix='alnd-lammps-') as d:
    os.chdir(d)
    shutil.copy(os.path.join(HERE, 'li2s.extxyz'), '.')
    refused()
    campaign()
    same_trajectory()
    same_means()
    ends_where_members_are_apart()
    stopped_killed_and_gone_on()
    hung_is_noticed()
    os.chdir('/')
