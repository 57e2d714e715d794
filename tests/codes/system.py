#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""Labels by other people's programs from the command line, with stand-ins for the programs.

system.py BIN_DIR SOURCE_DIR   alnd label with a command, with fake_pw.py and replay_vasp.py; what --allow-commands permits; a missing program, a bad
                               template: told before anything is created; failed frames keep their output; a changed script is other physics"""
import glob
import os
import re
import shutil
import tempfile

import vasp_make as make
from label_run import HERE, alnd, check, potcars

FRAME = ('3\nLattice="5.8 0 0 0 5.9 0 0.2 0 6.1" Properties=species:S:1:pos:R:3 pbc="T T T" frame_id=a\n'
         'Li 0.1 0.2 0.3\nS 2.4 0.3 0.5\nLi 0.4 2.9 0.1\n')


def label(name, text, *more):
    open(name + '.yaml', 'w').write(text)
    return alnd('label', 'frames.extxyz', '--config', name + '.yaml', '--out', name + '.extxyz', *more)


def refused(name, text, code, why, *more):
    p = label(name, text, *more)
    check(p.returncode == code and why in p.stderr, f'{name}: exit {p.returncode}, not {code} with "{why}": {p.stdout}{p.stderr}')
    check(not glob.glob(name + '.extxyz*'), f'{name}: something was created')


def good(name, text, *more):
    p = label(name, text, *more)
    check(p.returncode == 0, f'{name}: exit {p.returncode}: {p.stdout}{p.stderr}')
    return open(name + '.extxyz').read()


def fingerprints(text):
    return set(re.findall(r'fingerprint=(\w+)', text))


def command():
    shutil.copy(os.path.join(HERE, 'fake_label.py'), 'my.py')
    shutil.copy(os.path.join(HERE, 'toy_potential.py'), 'toy_potential.py')
    text = f'label: {{engine: command, command: [python3, {os.getcwd()}/my.py]}}\n'
    refused('no', text, 2, '--allow-commands')
    refused('empty', 'label: {engine: command}\n', 2, 'label.command')
    refused('both', 'label: {command: [ls]}\n', 2, 'go with another engine than dft')
    refused('none', 'label: {engine: command, command: [alnd-no-such-program]}\n', 2, "no 'alnd-no-such-program' in PATH", '--allow-commands')
    a = good('command', text, '--allow-commands')
    check(a.count('energy=') == 2 and a.count('virial=') == 2, a)
    open('my.py', 'a').write('# another version\n')
    b = good('again', text, '--allow-commands')
    check(len(fingerprints(a)) == len(fingerprints(b)) == 1 and fingerprints(a) != fingerprints(b), 'the script is not in the fingerprint')
    p = label('bad', text.replace('my.py]', 'my.py, fail]'), '--allow-commands')
    check(p.returncode == 1 and 'no licence for today' in p.stderr, p.stderr)
    check(len(glob.glob('bad.extxyz.work/frames/*/frame-000.run/rung-0/errors.out')) == 2, 'the output of failed runs is not kept')


def program():
    for symbol, z in (('Li', 3), ('S', 6)):
        open(symbol + '.upf', 'w').write(f'<UPF version="2.0.1">\n<PP_HEADER functional="PBE" z_valence="{z}"/>\n</UPF>\n')
    path = os.path.join(HERE, 'fake_pw.py')
    text = f'label: {{engine: qe, program: {path}, launcher: [], cutoff: 15 Ha, kpoints: gamma, pseudopotentials: .TEMPLATE}}\n'
    plain = text.replace('TEMPLATE', '')
    refused('nopath', plain, 2, '--allow-commands')
    refused('launch', plain.replace(f'program: {path}', 'program: pw.x').replace('launcher: []', 'launcher: [nice, -n, RANKS]'), 2, '--allow-commands')
    refused('notthere', plain.replace(path, 'alnd-no-such-pw'), 2, "no 'alnd-no-such-pw' in PATH")
    refused('other', plain.replace(path, 'true'), 2, 'is not the program')
    open('own.in', 'w').write('&system\n  ecutwfc = 20\n/\n')
    refused('own', text.replace('TEMPLATE', ', template: own.in'), 2, "ecutwfc is alnd's own", '--allow-commands')
    refused('gone', text.replace('TEMPLATE', ', template: gone.in'), 2, 'gone.in', '--allow-commands')
    refused('follow', plain.replace('cutoff', 'continue: true, cutoff'), 2, 'label.continue', '--allow-commands')
    a = good('plain', plain, '--allow-commands')
    open('my.in', 'w').write('&system\n  vdw_corr = \'dft-d3\'\n/\n')
    b = good('template', text.replace('TEMPLATE', ', template: my.in'), '--allow-commands')
    check(fingerprints(a) != fingerprints(b), 'the template is not in the fingerprint')
    # an edited template is other physics: nothing of the old labels is taken
    open('my.in', 'w').write('&system\n  vdw_corr = \'ts-vdw\'\n/\n')
    c = good('template', text.replace('TEMPLATE', ', template: my.in'), '--allow-commands')
    check(fingerprints(b) != fingerprints(c), 'labels of another template were taken')
    open('one.extxyz', 'w').write(FRAME)
    p = alnd('label', '--converge', 'one.extxyz', '--config', 'plain.yaml', '--cutoffs', '10, 12, 15 Ha', '--spacings', '0.7, 0.5 1/Ang',
             '--out', 'table.yaml', '--allow-commands')
    check(p.returncode == 0 and os.path.exists('table.yaml'), f'--converge: exit {p.returncode}: {p.stdout}{p.stderr}')


def vasp():
    """A template, a directory of POTCARs, no launcher; every number of the label is known."""
    symbols, cell = ['S', 'Li', 'Li'], [[5.0, 0, 0], [0.3, 5.2, 0], [0, 0, 5.4]]
    pos = [[1.1, 2.0, 3.0], [0.1, 0.2, 0.3], [3.0, 3.1, 1.0]]
    potcars(Li=1, S=6)
    open('frames.extxyz', 'w').write('3\nLattice="' + ' '.join(repr(x) for r in cell for x in r) + '" Properties=species:S:1:pos:R:3 pbc="T T T"\n' +
                                     ''.join(f'{s} {p[0]} {p[1]} {p[2]}\n' for s, p in zip(symbols, pos)))
    text = (f'label: {{engine: vasp, cutoff: 12 Ha, kpoints: gamma, pseudopotentials: ./potpaw, template: my.incar, program: {HERE}/replay_vasp.py, launcher: []}}\n'
            'resources: {cores: 1}\n')
    open('my.incar', 'w').write('ISPIN = 2\nMAGMOM = S:0.5\nNCORE = 2\n')
    refused('v-no', text, 2, '--allow-commands')
    lines = good('v-yes', text, '--allow-commands').splitlines()
    e, force, virial = make.toy(cell, symbols, pos)
    found = {k: v.strip('"') for k, v in re.findall(r'(\w+)=("[^"]*"|\S+)', lines[1])}
    check(abs(float(found['energy']) - e) < 1e-8, lines[1])
    stress = [float(x) for x in found['stress'].split()]
    check(max(abs(stress[i] + virial[i // 3][i % 3] / make.det(cell)) for i in range(9)) < 1e-8, 'stress: ' + lines[1])
    rows = [line.split() for line in lines[2:5]]
    check([r[0] for r in rows] == symbols, 'order of atoms')
    check(max(abs(float(r[4 + k]) - force[i][k]) for i, r in enumerate(rows) for k in range(3)) < 6e-7, 'forces')
    open('my.incar', 'a').write('SYSTEM = replay:cut\n')
    p = label('v-cut', text, '--allow-commands')
    check(p.returncode == 1 and 'cut short' in p.stdout + p.stderr, 'cut short: ' + p.stdout + p.stderr)
    open('my.incar', 'a').write('NSW = 5\n')
    p = label('v-nsw', text, '--allow-commands')
    check(p.returncode != 0 and 'NSW = 5' in p.stdout + p.stderr and ':5' in p.stdout + p.stderr, 'NSW: ' + p.stdout + p.stderr)


def main():
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        second = FRAME.replace('0.1 0.2 0.3', '0.3 0.2 0.2').replace('frame_id=a', 'frame_id=b')
        open('frames.extxyz', 'w').write(FRAME + second)
        command()
        program()
        vasp()
        os.chdir('/')
    print('command, program, template, VASP: as they should be')


main()
