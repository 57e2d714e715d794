#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""What files of others cannot do (docs/reliability.md, Safety): safety.py BIN_DIR SOURCE_DIR

A program named by path in loop.yaml is not started without --allow-commands; a run directory of another user, or one that everybody may write to,
is refused; a malformed model file ends in a message, and so does one over which the process that tries it dies."""
import os
import shutil
import subprocess
import sys
import tempfile
import time

BIN, SOURCE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
CORPUS = os.path.join(SOURCE, 'tests/fuzz/corpus')
ENV = {k: v for k, v in os.environ.items() if not k.startswith('ALND_')}


def check(ok, text):
    if not ok:
        print('FAIL:', text)
        sys.exit(1)


def alnd(*args, **more):
    return subprocess.run([os.path.join(BIN, 'alnd'), *args], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120,
                          env=dict(ENV, **more), check=False)


def script(name, text):
    with open(name, 'w', encoding='utf-8') as f:
        f.write('#!/bin/sh\n' + text)
    os.chmod(name, 0o755)
    return os.path.abspath(name)


def commands():
    evil = script('evil', f'touch {os.getcwd()}/was_here\nexit 1\n')
    with open(os.path.join(SOURCE, 'tests/system/mini.yaml'), encoding='utf-8') as f:
        text = f.read().replace('explore: {', 'explore: {engine: lammps, ')
    shutil.copy(os.path.join(SOURCE, 'tests/system/li2s.extxyz'), '.')
    for path in (evil, './evil', f'../{os.path.basename(os.getcwd())}/evil'):
        with open('loop.yaml', 'w', encoding='utf-8') as f:
            f.write(text.replace('resources: {', f'resources: {{lammps: {path}, '))
        before = sorted(os.listdir('.'))
        p = alnd('start', 'loop.yaml')
        check(p.returncode == 2 and '--allow-commands' in p.stderr, f'{path}: exit {p.returncode}: {p.stderr}')
        check(sorted(os.listdir('.')) == before, f'{path}: something was created')
        w = subprocess.run([os.path.join(BIN, 'alnd-worker'), 'lammps', path], capture_output=True, text=True, env=ENV, timeout=60, check=False)
        check(w.returncode == 2 and not os.path.exists('was_here'), f'the worker starts {path}: {w.stderr}')
    p = alnd('start', 'loop.yaml', '--allow-commands')
    check(p.returncode != 0 and '--allow-commands' not in p.stderr, f'with --allow-commands: {p.stderr}')
    for text in ('lammps: "lmp; touch was_here"', 'lammps: "$(touch was_here)"', 'lammps: -x'):
        with open('loop.yaml', encoding='utf-8') as f:
            lines = f.read()
        with open('shell.yaml', 'w', encoding='utf-8') as f:
            f.write(lines.replace(f'lammps: {path}', text))
        p = alnd('start', 'shell.yaml')
        check(p.returncode not in (0, 3) and not os.path.exists('was_here'), f'{text}: exit {p.returncode}')


def owners():
    with open(os.path.join(SOURCE, 'tests/system/mini.yaml'), encoding='utf-8') as f:
        text = f.read()
    with open('plain.yaml', 'w', encoding='utf-8') as f:
        f.write(text)
    workdir = [line.split(':')[1].strip() for line in text.splitlines() if line.startswith('workdir:')][0]
    os.makedirs(workdir)
    os.chmod(workdir, 0o777)
    p = alnd('start', 'plain.yaml')
    check(p.returncode == 2 and 'every user may write' in p.stderr and not os.listdir(workdir), f'open to all: {p.returncode}: {p.stderr}')
    os.chmod(workdir, 0o755)
    if os.geteuid() == 0:
        os.chown(workdir, 65534, 65534)
        p = alnd('start', 'plain.yaml')
        check(p.returncode == 2 and 'another user' in p.stderr and not os.listdir(workdir), f'of another user: {p.returncode}: {p.stderr}')


def models():
    with open(os.path.join(CORPUS, 'dp/model.dp'), 'rb') as f:
        sound = f.read()
    with open('x.extxyz', 'w', encoding='utf-8') as f:
        f.write('2\nLattice="6 0 0 0 6 0 0 0 6" Properties=species:S:1:pos:R:3:forces:R:3 energy=-1\nLi 0 0 0 0 0 0\nS 2 2 2 0 0 0\n')
    md = ('x.extxyz', '--ensemble', 'nve', '--temperature', '10 K', '--time', '2 fs', '--out', 'md')
    files = {'garbage.dp': os.urandom(5000), 'empty.dp': b'', 'cut.dp': sound[:len(sound) // 2], 'zero.dp': sound[:64] + bytes(len(sound) - 64)}
    for name, data in files.items():
        with open(name, 'wb') as f:
            f.write(data)
        for args in (('md', name, *md), ('test', name, 'x.extxyz')):
            p = alnd(*args)
            check(p.returncode in (1, 2) and name in p.stderr and not os.path.exists('md/model.dp'), f'{args}: exit {p.returncode}: {p.stderr}')
    os.mkfifo('fifo.dp')
    w = subprocess.run([os.path.join(BIN, 'alnd-worker'), 'model', 'fifo.dp'], capture_output=True, text=True, env=ENV, timeout=20, check=False)
    check(w.returncode != 0, 'a FIFO is a model')
    with open('sound.dp', 'wb') as f:
        f.write(sound)
    dies = script('dies', f'[ "$1" = model ] && kill -SEGV $$\nexec {BIN}/alnd-worker "$@"\n')
    p = alnd('md', 'sound.dp', *md, ALND_WORKER=dies)
    check(p.returncode != 0 and 'malformed' in p.stderr and 'signal 11' in p.stderr, f'the child dies: exit {p.returncode}: {p.stderr}')
    check(not os.path.exists('md/model.dp'), 'the child dies: the model was taken all the same')
    best = min(timed() for _ in range(5))
    print(f'trying a model file takes {1e3 * best:.1f} ms')
    p = alnd('md', 'sound.dp', *md)
    check(p.returncode == 0, f'the sound model: exit {p.returncode}: {p.stderr}{p.stdout}')


def timed():
    t = time.perf_counter()
    w = subprocess.run([os.path.join(BIN, 'alnd-worker'), 'model', 'sound.dp'], capture_output=True, env=ENV, timeout=60, check=False)
    check(w.returncode == 0, f'the sound model is refused: {w.stderr}')
    return time.perf_counter() - t


with tempfile.TemporaryDirectory() as top:
    os.chdir(top)
    commands()
    owners()
    models()
print('ok')
