#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""tests/system/mini.yaml with labels by another engine, two iterations to the end: loop.py BIN_DIR SOURCE_DIR qe|abinit|cp2k|vasp: the real programs;
VASP by what stands in for it (replay_vasp.py). Exit 77: skipped (no such program, no pseudopotentials)."""
import glob
import os
import re
import shutil
import sys
import tempfile
import time

from label_run import HERE, PROGRAM, SOURCE, alnd, check, make_upf, need, potcars

ENGINE = sys.argv[3]
POINT = 'kpoints: {points: [[0.25, 0.25, 0.25]]}'
LABEL = {'qe': f'engine: qe, cutoff: 8 Ha, {POINT}, pseudopotentials: .',
         'abinit': f'engine: abinit, cutoff: 10 Ha, {POINT}, pseudopotentials: {{Li: GTH-PBE-q1, S: GTH-PBE}}',
         'cp2k': 'engine: cp2k, cutoff: 60 Ha, smearing: {kind: fermi, width: 0.1 eV}, kpoints: gamma, max_scf: 60, pseudopotentials: GTH-PBE, template: basis.inp',
         'vasp': f'engine: vasp, program: {HERE}/replay_vasp.py, launcher: [], cutoff: 8 Ha, {POINT}, pseudopotentials: ./potpaw'}[ENGINE]
BASIS = ('&FORCE_EVAL\n&DFT\n&QS\nEPS_DEFAULT 1e-8\n&END\n&END\n&SUBSYS\n' +
         ''.join(f'&KIND {k}\nBASIS_SET SZV-MOLOPT-SR-GTH\n&END KIND\n' for k in ('Li', 'S')) + '&END SUBSYS\n&END FORCE_EVAL\n')


def config():
    with open(os.path.join(SOURCE, 'tests/system/mini.yaml'), encoding='utf-8') as f:
        text = f.read()
    changes = [(r'label: \{cutoff.*\}\n', f'label: {{{LABEL}}}\n'), (r'  aimd: .*\n', ''), ('label_noise: 2', 'label_noise: 1'), ('time: 10 ps', 'time: 2 ps')]
    if ENGINE != 'qe':  # other cut-offs have another pressure; nothing holds the toy potential of VASP's together
        changes.append(('volume: npt, volume_time: 2 ps, pressure: -100 GPa', 'volume: fixed'))
    for old, new in changes:
        text, n = re.subn(old, new, text)
        check(n == 1, f'mini.yaml has changed: {old}')
    return text


def run():
    start = time.monotonic()
    p = alnd('start', 'loop.yaml', *(['--allow-commands'] if ENGINE == 'vasp' else []), limit=850)
    check(p.returncode == 0, f'exit {p.returncode}: {p.stdout[-3000:]}{p.stderr[-3000:]}')
    seen = 0
    for path in glob.glob('run/initial/*/label/*/labelled.extxyz') + glob.glob('run/iterations/*/label/*/labelled.extxyz'):
        with open(path, encoding='utf-8') as f:
            seen += f.read().count('fingerprint=')
    print(f'{ENGINE}: two iterations in {time.monotonic() - start:.0f} s, {seen} labels')
    check(seen > 10, 'too few labels')
    check(not glob.glob('run/**/failed.extxyz', recursive=True), 'frames failed')
    check(not glob.glob('run/**/frame-*.run', recursive=True), 'directories of labels are left')
    for path in ('iterations/000/label', 'iterations/001/errors.yaml', 'transport/Li2S.yaml', 'report.html', 'certificate.yaml'):
        check(os.path.exists('run/' + path), path + ' is missing')
    check(not os.path.isdir('run/iterations/002'), 'a third iteration')
    p = alnd('plan', 'run')
    check(p.returncode == 0 and 'by ' + ENGINE in p.stdout, p.stdout + p.stderr)


def main():
    if ENGINE in PROGRAM:
        need(ENGINE)
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        shutil.copy(os.path.join(SOURCE, 'tests/system/li2s.extxyz'), '.')
        for name, text in (('loop.yaml', config()), ('basis.inp', BASIS)):
            with open(name, 'w', encoding='utf-8') as f:
                f.write(text)
        if ENGINE == 'qe':
            make_upf('Li', 'S')
        if ENGINE == 'vasp':
            potcars(Li=1, S=6)
        run()
        os.chdir('/')


main()
