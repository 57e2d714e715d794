#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""Labels by other people's programs from the command line, with stand-ins for the programs.

system.py BIN_DIR SOURCE_DIR   alnd label with a command and with fake_pw.py; what --allow-commands permits; a missing program, a bad
                               template: told before anything is created; failed frames keep their output; a changed script is other physics"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

BIN, SOURCE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
HERE = os.path.join(SOURCE, 'tests/codes')
ENV = dict(os.environ, OMP_NUM_THREADS='1', OPENBLAS_NUM_THREADS='1')
FRAME = ('3\nLattice="5.8 0 0 0 5.9 0 0.2 0 6.1" Properties=species:S:1:pos:R:3 pbc="T T T" frame_id=a\n'
         'Li 0.1 0.2 0.3\nS 2.4 0.3 0.5\nLi 0.4 2.9 0.1\n')


def check(ok, text):
    if not ok:
        print('FAIL:', text)
        sys.exit(1)


def alnd(*args):
    return subprocess.run([os.path.join(BIN, 'alnd'), *args], capture_output=True, text=True, timeout=100, env=ENV)


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


def main():
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        second = FRAME.replace('0.1 0.2 0.3', '0.3 0.2 0.2').replace('frame_id=a', 'frame_id=b')
        open('frames.extxyz', 'w').write(FRAME + second)
        command()
        program()
        os.chdir('/')
    print('command, program, template: as they should be')


main()
