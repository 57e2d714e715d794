#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""alnd md with a model by hand: formats, replicas, threads, precision; kills.

md.py BIN_DIR run     replicas are the runs with their seeds, on threads or in turn; both formats hold the same frames; bad usage
md.py BIN_DIR kill    Ctrl-C and SIGKILL: the same command goes on, every file bit for bit that of an undisturbed run"""
import glob
import os
import re
import signal
import struct
import subprocess
import sys
import tempfile
import time

from toy import extxyz, frames
from workers import children

BIN, MODE = os.path.abspath(sys.argv[1]), sys.argv[2]
ALND = os.path.join(BIN, 'alnd')
RUN = ('md', 'm/model.dp', 'start.extxyz', '--ensemble', 'nvt', '--temperature', '20 K')


def check(ok, text):
    if not ok:
        print('FAIL:', text)
        sys.exit(1)


def read(name):
    with open(name, 'rb') as f:
        return f.read()


def write(name, text):
    with open(name, 'w') as f:
        f.write(text)


def alnd(*args, code=0):
    p = subprocess.run([ALND, *args], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300)
    check(p.returncode == code, f'alnd {" ".join(args)}: exit {p.returncode}, not {code}\n{p.stdout}\n{p.stderr}')
    return p.stdout + p.stderr


def same(a, b, names):
    for name in names:
        check(len(read(f'{a}/{name}')) > 400, f'{a}/{name} is nearly empty')
        check(read(f'{a}/{name}') == read(f'{b}/{name}'), f'{name} of {a} and {b} differ')


def make_model():
    write('a.extxyz', extxyz(frames(30) + frames(30, seed=2, spread=0.25)))
    write('start.extxyz', extxyz(frames(1, seed=9, spread=0.02), energy=False, forces=False, virial=False))
    # trained well enough to stay whole for the longest of the runs below: 3000 steps of Adam were not, with some roundings
    alnd('train', 'a.extxyz', '--out', 'm', '--steps', '3000', '--descriptor.neurons', '[4, 8, 16]',
         '--descriptor.axis_neurons', '4', '--fitting.neurons', '[12, 12, 12]', '--descriptor.rcut', '4 Ang')


def dcd_frames(path):
    """Positions, read without any library: records of four bytes' length before and after."""
    data, records, i = read(path), [], 0
    while i < len(data):
        n = struct.unpack_from('<i', data, i)[0]
        records.append(data[i + 4:i + 4 + n])
        check(struct.unpack_from('<i', data, i + 4 + n)[0] == n, path + ': a record is damaged')
        i += n + 8
    count = struct.unpack_from('<i', records[0], 4)[0]
    found = [list(zip(*(struct.unpack(f'<{len(r) // 4}f', r) for r in records[k + 1:k + 4]))) for k in range(3, len(records), 4)]
    check(count == len(found), f'{path}: the head says {count} frames, there are {len(found)}')
    return found


def xyz_frames(path):
    lines, found = read(path).decode().splitlines(), []
    for i in range(0, len(lines), 10):
        found.append([tuple(float(c) for c in line.split()[1:4]) for line in lines[i + 2:i + 10]])
    return found


def test_run():
    files = ('trajectory.extxyz', 'trajectory.dcd', 'thermo.csv', 'summary.yaml', 'topology.extxyz')
    out = alnd(*RUN, '--time', '0.3 ps', '--format', 'both', '--replicas', '3', '--threads', '2', '--seed', '5', '--out', 'three')
    check('replica-0 to -2' in out and 'ns/day' in out, out)
    alnd(*RUN, '--time', '0.3 ps', '--format', 'both', '--replicas', '3', '--threads', '1', '--seed', '5', '--out', 'turn')
    for k in range(3):
        alnd(*RUN, '--time', '0.3 ps', '--format', 'both', '--seed', str(5 + k), '--out', f'one{k}')
        same(f'three/replica-{k}', f'one{k}', files)
        same(f'turn/replica-{k}', f'one{k}', files)
    check(read('one0/thermo.csv') != read('one1/thermo.csv'), 'replicas are the same run')
    a, b = dcd_frames('one0/trajectory.dcd'), xyz_frames('one0/trajectory.extxyz')
    check(len(a) == len(b) == 31, f'{len(a)} and {len(b)} frames')
    worst = max(abs(p - q) for f, g in zip(a, b) for x, y in zip(f, g) for p, q in zip(x, y))
    check(worst < 1e-6, f'the formats differ by {worst} Ang')
    alnd(*RUN, '--time', '0.3 ps', '--format', 'dcd', '--seed', '5', '--out', 'dcd')
    same('dcd', 'one0', ('trajectory.dcd', 'thermo.csv'))
    check(not os.path.exists('dcd/trajectory.extxyz'), 'extxyz though dcd was asked for')
    alnd(*RUN, '--time', '0.3 ps', '--precision', 'double', '--seed', '5', '--out', 'double')
    alnd(*RUN, '--time', '0.3 ps', '--precision', 'plain', '--seed', '5', '--out', 'plain')
    e = {d: float(re.search(r'epot_eV: (\S+)', read(d + '/summary.yaml').decode())[1]) for d in ('one0', 'double', 'plain')}
    check(e['one0'] != e['double'] and abs(e['one0'] - e['plain']) < 1e-3 and abs(e['double'] - e['plain']) < 1e-6, f'precisions: {e}')
    alnd(*RUN, '--time', '0.3 ps', '--seed', '5')  # without --out
    same('start-nvt-20K', 'one0', ('thermo.csv', 'trajectory.extxyz'))
    check('another run' in alnd(*RUN, '--time', '0.3 ps', '--format', 'both', '--seed', '5', '--out', 'dcd', code=2), 'format changes')
    for flag, value, word in (('--format', 'h5md', 'extxyz, dcd or both'), ('--precision', 'half', 'mixed, double or plain'),
                              ('--replicas', '0', 'whole number'), ('--threads', 'two', 'whole number')):
        check(word in alnd(*RUN, '--time', '1 ps', flag, value, '--out', 'no', code=2), flag)
    check(not os.path.exists('no'), 'a directory of nothing')
    # further: a longer --time goes on
    alnd(*RUN, '--time', '0.5 ps', '--format', 'both', '--replicas', '3', '--seed', '5', '--out', 'three')
    alnd(*RUN, '--time', '0.5 ps', '--format', 'both', '--seed', '6', '--out', 'long')
    same('three/replica-1', 'long', files)


def rows(out):
    found = [len(read(p).splitlines()) for p in glob.glob(out + '/replica-*/thermo.csv')]
    return min(found) if len(found) == 2 else 0


def test_kill():
    """A checkpoint is written at Ctrl-C; what was written after it, before SIGKILL, is cut off again."""
    args = (*RUN, '--time', '0.6 ps', '--timestep', '0.002 fs', '--stride', '50',  # many steps, and atoms stay where the model is good
             '--format', 'both', '--replicas', '2', '--threads', '2')
    alnd(*args, '--out', 'calm')
    at = 0
    for how in ('all', 'ctrl-c', 'all', 'ctrl-c', 'alnd', 'all'):
        stale = rows('wild')
        p = subprocess.Popen([ALND, *args, '--out', 'wild'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             text=True)
        for _ in range(3000):
            if rows('wild') >= stale + 60:  # beyond what the killed one left
                break
            check(p.poll() is None, 'alnd ended before it was stopped: ' + (p.stdout.read() if p.poll() is not None else ''))
            time.sleep(0.005)
        if how == 'ctrl-c':
            time.sleep(0.3)  # alnd listens to signals
            p.send_signal(signal.SIGINT)
            text = p.communicate(timeout=60)[0]
            check(p.returncode == 3 and 'the same command goes on' in text, f'Ctrl-C: exit {p.returncode}\n{text}')
            check(len(glob.glob('wild/replica-*/checkpoint.bin')) == 2, 'checkpoints')
            at = rows('wild')
        else:
            p.kill()
            p.wait()
            if how == 'all':
                for c in children():
                    os.kill(c, signal.SIGKILL)
        check(not os.path.exists('wild/replica-0/summary.yaml'), 'the summary is there before the end')
    alnd(*args, '--out', 'wild')
    check(at > 150, 'nothing was done before the kills')
    for k in range(2):
        same(f'calm/replica-{k}', f'wild/replica-{k}', ('trajectory.extxyz', 'trajectory.dcd', 'thermo.csv', 'summary.yaml', 'checkpoint.bin'))


with tempfile.TemporaryDirectory(prefix='alnd-md-') as d:
    os.chdir(d)
    make_model()
    {'run': test_run, 'kill': test_kill}[MODE]()
    os.chdir('/')
