#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""vasp_format.py TOOL DIR: OUTCAR and vasprun.xml made from a toy potential (vasp_make.py) and read back: every number, every sign, every way
in which a file can be odd or cut short."""
import json
import os
import subprocess
import sys

import vasp_make as make

TOOL, DIR = sys.argv[1], sys.argv[2]
os.makedirs(DIR, exist_ok=True)
SYMBOLS = ['Li', 'Li', 'P', 'S', 'S']
CELL = [[4.1, 0.0, 0.0], [0.7, 4.6, 0.0], [-0.4, 0.5, 5.2]]
POS = [[0.1, 0.2, -0.3], [2.1, 0.3, 1.9], [0.4, 2.7, 2.2], [2.6, 2.5, 4.1], [1.3, 1.1, 3.4]]


def moved(k):
    return [[x + 0.03 * k * ((i * 3 + j) % 4 - 1.5) for j, x in enumerate(p)] for i, p in enumerate(POS)]


STEPS = []
for number in range(3):
    cell = [[x * (1 + 0.01 * number) for x in row] for row in CELL]
    e, f, w = make.toy(cell, SYMBOLS, moved(number))
    STEPS.append((cell, moved(number), f, w, e, e - 0.002))


def read(text, name):
    path = os.path.join(DIR, name)
    with open(path, 'w', encoding='latin-1') as out:
        out.write(text)
    r = subprocess.run([TOOL, 'read', path], capture_output=True, text=True, check=False)
    lines = r.stdout.splitlines()
    return [json.loads(line) for line in lines if line.startswith('{')], lines[-1] if lines else '', r


def near(a, b, eps, what):
    assert abs(a - b) <= eps, f'{what}: {a} is not {b} within {eps}'


def compare(got, step, eps_pos, eps_force, eps_virial, what):
    cell, pos, force, virial, energy, zero = step
    assert [a[0] for a in got['atoms']] == SYMBOLS, what
    near(got['energy'], energy, 1e-8, what)
    near(float(got['zero']), zero, 1e-8 * 2, what)
    for i in range(9):
        near(got['cell'][i], cell[i // 3][i % 3], 1e-8, what + ' cell')
        near(got['virial'][i], virial[i // 3][i % 3], eps_virial, what + ' virial')
    for a, p, f in zip(got['atoms'], pos, force):
        for k in range(3):
            near(a[1 + k], p[k], eps_pos, what + ' position')
            near(a[4 + k], f[k], eps_force, what + ' force')


def outcar(ended=('reached',) * 3, version='6.3.0', head='', electrons=5.0, mag='', tail=True, **more):
    t = make.header(SYMBOLS, CELL, version, **more) + head
    for i, s in enumerate(STEPS):
        t += make.outcar_step(i + 1, *s, ended=ended[i], electrons=electrons, mag=mag)
    return t + (make.footer() if tail else '')


def toy_is_right():
    """virial and forces of the generator against differences of its energy: what the readers are measured with."""
    cell, pos, force, virial, energy, _ = STEPS[1]
    h = 1e-5
    for a, b in ((0, 0), (0, 1), (2, 1)):
        side = []
        for sign in (1, -1):
            def strain(v):
                return [v[k] + (sign * h * v[b] if k == a else 0) for k in range(3)]
            side.append(make.toy([strain(c) for c in cell], SYMBOLS, [strain(p) for p in pos])[0])
        near(virial[a][b], -(side[0] - side[1]) / (2 * h), 1e-6, 'toy virial')
    for sign in (1,):
        p = [list(x) for x in pos]
        p[2][1] += h
        up = make.toy(cell, SYMBOLS, p)[0]
        p[2][1] -= 2 * h
        near(force[2][1], -(up - make.toy(cell, SYMBOLS, p)[0]) / (2 * h), 1e-6 * sign, 'toy force')
    assert abs(energy) > 0.1 and virial[0][0] > 0.01


def outcars():
    for version, mag in (('5.4.4', ''), ('6.3.0', '0.1234567'), ('6.4.2', '0.1 0.2 0.3')):
        got, end, r = read(outcar(version=version, mag=mag), 'OUTCAR')
        assert len(got) == 3 and end == 'complete', r
        for g, s in zip(got, STEPS):
            compare(g, s, 6e-6, 6e-7, 1e-6, version)
            assert g['converged'] and g['scf'] == 4 and g['note'] == '' and float(g['electrons']) == 5 and g['have'] == 7, g
    got, _, _ = read(outcar(ended=('reached', 'unconverged', 'silent')), 'OUTCAR')
    assert [g['converged'] for g in got] == [True, False, False] and 'EDIFF was not reached' in got[1]['note'] and 'EDIFF' in got[2]['note'], got
    got, _, _ = read(outcar(icharg=11), 'OUTCAR')
    assert not any(g['converged'] for g in got) and 'ICHARG' in got[0]['note']
    got, _, _ = read(outcar(electrons=4.5), 'OUTCAR')
    assert 'lost electrons' in got[0]['note'] and float(got[0]['electrons']) == 4.5
    got, _, _ = read(outcar(electrons=None, nelect=6.5), 'OUTCAR')
    assert float(got[0]['electrons']) == 6.5
    box = ' ' + '-' * 77 + '\n|                                                                             |\n'
    box += '|           W    W    AA    RRRRR   N    N  II  N    N   GGGG   !!!           |\n|      Your INCAR is odd in a way that only a test can be.                     |\n'
    box += '|      It goes on.                                                             |\n ' + '-' * 77 + '\n'
    got, _, _ = read(outcar(head=box + ' WARNING: Sub-Space-Matrix is not hermitian in DAV            3\n'), 'OUTCAR')
    assert 'Your INCAR is odd in a way' in got[0]['note'] and 'hermitian' in got[0]['note'] and 'It goes on' not in got[0]['note'], got[0]['note']
    assert got[1]['note'] == ''
    got, end, _ = read(outcar() + outcar(), 'OUTCAR')  # one run behind the other
    assert len(got) == 6 and end == 'complete'
    compare(got[4], STEPS[1], 6e-6, 6e-7, 1e-6, 'second run')


def odd_outcars():
    # columns that touch
    t = outcar().replace('     4.100000000  0.000000000', '     4.100000000100.000000000').replace('ions per type =               2   1   2', 'ions per type =               2   1   2')
    assert t != outcar()
    got, _, _ = read(t, 'OUTCAR')
    near(got[0]['cell'][1], 100.0, 1e-9, 'touching columns')
    s = STEPS[0]
    force = [list(f) for f in s[2]]
    force[1] = [-1234567.0, 2e6, 1.0]
    t = make.header(SYMBOLS, CELL) + make.outcar_step(1, s[0], s[1], force, *s[3:]) + make.outcar_step(2, *STEPS[1]) + make.footer()
    got, end, _ = read(t, 'OUTCAR')
    assert len(got) == 2 and got[0]['have'] == 5 and not got[0]['converged'] and 'too large' in got[0]['note'] and got[1]['have'] == 7 and end == 'complete', got
    # machine-learned steps between those of first principles
    t = make.header(SYMBOLS, CELL) + make.outcar_step(1, *STEPS[0])
    t += make.outcar_step(2, *STEPS[1], nscf=0, ml=True) + make.outcar_step(3, *STEPS[2]) + make.footer()
    got, _, _ = read(t, 'OUTCAR')
    assert len(got) == 2
    compare(got[1], STEPS[2], 6e-6, 6e-7, 1e-6, 'after a machine-learned step')
    # PSTRESS: the energy has no P V; the stress is known to be whole only where the pressure beside it says so
    t = make.header(SYMBOLS, CELL, pstress=50.0) + make.outcar_step(1, *STEPS[0], pstress=50.0) + make.footer()
    got, _, _ = read(t, 'OUTCAR')
    compare(got[0], STEPS[0], 6e-6, 6e-7, 1e-6, 'PSTRESS')
    got, _, _ = read(make.header(SYMBOLS, CELL, pstress=50.0) + make.outcar_step(1, *STEPS[0]) + make.footer(), 'OUTCAR')
    assert got[0]['have'] == 3 and 'PSTRESS' in got[0]['note']
    # thousands of atoms make counts touch
    for first in (1000, 12, 9999):
        t = make.header(['Li'] * first + ['S'] * 1000 + ['P'] * 3, CELL, four=True)
        _, end, r = read(t + make.footer(), 'OUTCAR')
        assert end == 'complete' and r.returncode == 0, r.stderr
    bad = outcar().replace('TOTAL-FORCE (eV/Angst)\n', 'TOTAL-FORCE (eV/Angst)\nwhat\nelse\n', 1)
    _, _, r = read(bad, 'OUTCAR')
    assert r.returncode == 1 and 'OUTCAR:' in r.stderr and 'atom 1' in r.stderr, r.stderr
    _, _, r = read(outcar().replace('PAW_PBE Li', 'PAW_PBE Zz'), 'OUTCAR')
    assert r.returncode == 1 and 'POTCAR' in r.stderr, r.stderr


def cut(text, name, steps_ended):
    """However a file is cut, whole steps come, with their whole numbers, and never more."""
    whole, _, _ = read(text, name)
    for at in list(range(0, len(text), 397)) + [text.rindex('sigma->0') + k for k in range(4, 40, 3) if 'sigma->0' in text]:
        got, end, r = read(text[:at], name)
        if not got and r.returncode == 2:
            continue  # too short to be known
        assert r.returncode == 0, (at, r.stderr)
        assert got == whole[:len(got)], (name, at)
        assert len(got) <= steps_ended(text[:at]), (name, at)
        assert end == ('complete' if 'General timing and accounting' in text[:at] else 'incomplete'), (name, at, end)


def xmls():
    steps = [(*s, 5) for s in STEPS]
    text = make.vasprun(SYMBOLS, steps, nelect=5.0)
    got, end, r = read(text, 'vasprun.xml')
    assert len(got) == 3 and end == 'complete', r
    for g, s in zip(got, STEPS):
        compare(g, s, 1e-7, 6e-9, 1e-8, 'vasprun')
        assert g['converged'] and g['scf'] == 5 and g['note'] == '' and float(g['electrons']) == 5 and g['have'] == 7, g
    got, _, _ = read(make.vasprun(SYMBOLS, steps, nelm=5), 'vasprun.xml')
    assert not got[0]['converged'] and 'NELM' in got[0]['note']
    got, _, _ = read(make.vasprun(SYMBOLS, steps, pstress=30.0), 'vasprun.xml')
    near(got[1]['energy'], STEPS[1][4], 2e-8, 'vasprun with PSTRESS')
    assert got[1]['have'] == 3 and 'PSTRESS' in got[1]['note']
    got, _, _ = read(make.vasprun(SYMBOLS, [(*STEPS[0], 0)]), 'vasprun.xml')
    assert not got[0]['converged'] and 'no electronic steps' in got[0]['note']
    stars = [(s[0], s[1], [[1e9, 0, 0]] + s[2][1:], *s[3:], 5) for s in STEPS]
    got, _, _ = read(make.vasprun(SYMBOLS, stars), 'vasprun.xml')
    assert len(got) == 3 and not got[0]['have'] & 2 and not got[0]['converged']
    _, _, r = read(text.replace('</forces>', '').replace('<scstep>', '<scstep><', 1), 'vasprun.xml')
    assert r.returncode == 1 and 'vasprun.xml:' in r.stderr, r.stderr
    _, _, r = read(text.replace('<modeling>', '<!DOCTYPE x [<!ENTITY a "b">]>\n<modeling>'), 'vasprun.xml')
    assert r.returncode == 1 and 'document type' in r.stderr, r.stderr
    _, _, r = read(text.replace('<c>P </c>', '<c>Qq</c>'), 'vasprun.xml')
    assert r.returncode == 1 and 'element' in r.stderr, r.stderr
    return text


toy_is_right()
outcars()
odd_outcars()
xml = xmls()
whole_outcar = outcar(ended=('reached', 'silent', 'reached'))
cut(whole_outcar, 'OUTCAR', lambda t: t.count('energy  without entropy'))
for position in range(0, len(xml), 379):
    steps_read, ending, run = read(xml[:position], 'vasprun.xml')
    if run.returncode == 2:
        continue
    assert run.returncode == 0 and ending == 'incomplete' and len(steps_read) == xml[:position].count('</calculation>'), (position, run.stderr)
print('ok')
