#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""vasp_label.py TOOL DIR: frames through the labeler with the stand-in for VASP (replay_vasp.py): inputs written, the program run, its output read
back in the frames' order of atoms; the ladder; what must never become a label."""
import json
import os
import shutil
import subprocess
import sys

import vasp_make as make

TOOL, DIR = sys.argv[1], sys.argv[2]
os.makedirs(DIR, exist_ok=True)
REPLAY = os.path.join(os.path.dirname(os.path.realpath(__file__)), 'replay_vasp.py')
FRAMES = os.path.join(DIR, 'frames.extxyz')
CELL = [[6.1, 0.0, 0.0], [0.25, 6.2, 0.0], [-0.3, 0.4, 6.3]]
SYMBOLS = ['S', 'Li', 'P', 'S', 'Li']
ZVAL = {'Li': 1, 'P': 5, 'S': 6}
POS = [[[1.2 + 0.1 * k, 0.2, 0.3], [0.1, 3.1, 5.2], [3.1, 3.0, 2.9 - 0.2 * k], [4.9, 1.0, 5.0], [2.0, 5.3, 0.9]] for k in range(2)]

os.makedirs(os.path.join(DIR, 'potpaw'), exist_ok=True)
for s in ZVAL:
    os.makedirs(os.path.join(DIR, 'potpaw', s), exist_ok=True)
    with open(os.path.join(DIR, 'potpaw', s, 'POTCAR'), 'w', encoding='ascii') as out:
        out.write(f'  PAW_PBE {s} 01Jan2000\n   {ZVAL[s]}.0\n   VRHFIN ={s}: s1\n   LEXCH  = PE\n   TITEL  = PAW_PBE {s} 01Jan2000\n'
                  f'   POMASS =    6.941; ZVAL   =    {ZVAL[s]}.000    mass and valenz\n   ENMAX  =  280.000; ENMIN  =  200.000 eV\n End of Dataset\n')
with open(FRAMES, 'w', encoding='ascii') as out:
    for p in POS:
        out.write('5\nLattice="' + ' '.join(repr(x) for row in CELL for x in row) + '" Properties=species:S:1:pos:R:3 pbc="T T T"\n')
        out.writelines(f'{s} {x[0]} {x[1]} {x[2]}\n' for s, x in zip(SYMBOLS, p))


def label(mode, *args):
    work = os.path.join(DIR, 'work')
    shutil.rmtree(work, ignore_errors=True)
    pot = [f'pseudo={s}:{os.path.join(DIR, "potpaw", s, "POTCAR")}' for s in ZVAL]
    r = subprocess.run([TOOL, 'label', 'vasp', FRAMES, work, REPLAY, *pot, *args], capture_output=True, text=True, check=False, env={**os.environ, 'REPLAY_VASP': mode})
    assert r.returncode == 0, r.stderr
    return [json.loads(line) for line in r.stdout.splitlines()], work


def is_label(got, pos, rung, scf):
    e, f, w = make.toy(CELL, SYMBOLS, pos)
    assert got['error'] == 'OK' and got['rung'] == rung and got['scf'] == scf and got['have'] == 7, got
    assert abs(got['energy'] - e) < 1e-8
    assert max(abs(got['virial'][i] - w[i // 3][i % 3]) for i in range(9)) < 1e-6
    for a, s, p, force in zip(got['atoms'], SYMBOLS, pos, f):
        assert a[0] == s and max(abs(x - y) for x, y in zip(a[1:4], p)) < 1e-14 and max(abs(x - y) for x, y in zip(a[4:], force)) < 6e-7, (a, force)


def refused(mode, error, *words):
    for got in label(mode)[0]:
        assert got['error'] == error and not got['have'] & 7, got
        for word in words:
            assert word in got['detail'], got['detail']


frames, where = label('')
for one, places in zip(frames, POS):
    is_label(one, places, 'default', 7)
assert not os.path.exists(where), 'the directory of a label goes'
assert frames[0]['fingerprint'] == frames[1]['fingerprint'] != label('', 'ecut=401')[0][0]['fingerprint']
for one, places in zip(label('', 'charge=1')[0], POS):
    is_label(one, places, 'default', 7)
is_label(label('need-all')[0][0], POS[0], 'algo-all', 14)
is_label(label('need-damped')[0][1], POS[1], 'algo-damped', 28)
is_label(label('hermitian')[0][0], POS[0], 'algo-all', 7)
refused('bands', 'NOTCONV', 'TOO FEW BANDS', 'NBANDS')
refused('cut', 'NOTCONV', 'cut short')
refused('swapped', 'UNPHYSICAL', 'order')
refused('electrons', 'UNPHYSICAL', 'electrons')
refused('nothing', 'NOTCONV', 'licence server says no')
print('ok')
