#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""The SPMS files as psp8 and, converted by shared/data/dft/tools/psp8toupf.py, as UPF: the same energy to 1e-6 Ha/atom,
forces and stress as near to the reference.

Usage: peer_upf.py BENCH_LABEL   exit 77: a tool or the data is missing"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CONVERTER = os.path.join(ROOT, '..', 'shared', 'data', 'dft', 'tools', 'psp8toupf.py')
SETS = os.environ.get('ALND_PSEUDO_DIR', os.path.join(ROOT, '.alnd', 'pseudo'))


def skip(why):
    print('skipped: ' + why)
    sys.exit(77)


def python():
    """One with numpy."""
    for p in (os.environ.get('ALND_PEER_PYTHON'), sys.executable, '/opt/dpvenv/bin/python'):
        if p and subprocess.run([p, '-c', 'import numpy'], capture_output=True).returncode == 0:
            return p
    skip('no python with numpy')


def label(*args):
    out = subprocess.run([sys.argv[1], 'gamma_r2', 'abinit', '15', 'g', 'tol=1e-13', *args], capture_output=True, text=True,
                         check=True).stdout
    print(out, end='')
    m = re.search(r'E (\S+) eV, dE (\S+) meV/atom, dF (\S+) .* dS (\S+) GPa', out)
    return [float(x) for x in m.groups()]


if not os.path.exists(CONVERTER):
    skip('no ' + CONVERTER)
files = [f for e in ('03_Li_3', '08_O_6', '15_P_5', '16_S_6') for f in glob.glob(f'{SETS}/SPMS/{e}_*.psp8')]
if len(files) != 4:
    skip(f'no SPMS files of Li, O, P, S in {SETS}')
with tempfile.TemporaryDirectory() as work:
    for f in files:
        shutil.copy(f, work)
    subprocess.run([python(), os.path.abspath(CONVERTER)], cwd=work, check=True, capture_output=True)
    os.mkdir(work + '/upf')
    for f in glob.glob(work + '/*.UPF'):
        shutil.move(f, work + '/upf')
    psp8 = label()
    upf = label(*(f'pseudo={z}:{work}/upf/{e}.spms.UPF' for z, e in ((3, 'Li'), (8, 'O'), (15, 'P'), (16, 'S'))))
difference = abs(psp8[0] - upf[0]) / 27.211386 / 16
print(f'psp8 and UPF differ by {difference:.1e} Ha/atom')
assert 0 < difference < 1e-6  # the same number to the last digit would mean that the same files were read
assert upf[2] < 5e-5 and upf[3] < 5e-4
