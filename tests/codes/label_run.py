# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""What the scripts here that start alnd share. They are called SCRIPT.py BIN_DIR SOURCE_DIR [...]; exit 77: skipped."""
import os
import shutil
import subprocess
import sys

BIN, SOURCE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
HERE = os.path.join(SOURCE, 'tests/codes')
PROGRAM = {'qe': 'pw.x', 'abinit': 'abinit', 'cp2k': 'cp2k.psmp'}
ENV = dict(os.environ, OMP_NUM_THREADS='1', OPENBLAS_NUM_THREADS='1')
if os.geteuid() == 0:
    ENV.update(OMPI_ALLOW_RUN_AS_ROOT='1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM='1')
PSEUDO = os.path.join(os.environ.get('ALND_PSEUDO_DIR') or os.path.join(SOURCE, '.alnd/pseudo'), 'SPMS')
sys.path.append(os.path.join(SOURCE, 'tests/dft/peer'))
import upf  # noqa: E402


def check(ok, text):
    if not ok:
        print('FAIL:', text)
        sys.exit(1)


def skip(text):
    print('SKIP:', text)
    sys.exit(77)


def need(engine):
    for name in (PROGRAM[engine], 'mpirun'):
        if not shutil.which(name):
            skip(f'no {name}')


def alnd(*args, limit=600):
    return subprocess.run([os.path.join(BIN, 'alnd'), *args], capture_output=True, text=True, timeout=limit, env=ENV, check=False)


def make_upf(*symbols):
    lacks = upf.write_all(PSEUDO, symbols)
    if lacks:
        skip(f'no pseudopotential of {lacks} in {PSEUDO}')


def potcars(**valence):
    """./potpaw with POTCARs that have no tables: VASP's are licensed."""
    for s, z in valence.items():
        os.makedirs('potpaw/' + s)
        with open(f'potpaw/{s}/POTCAR', 'w', encoding='ascii') as f:
            f.write(f'  PAW_PBE {s} 01Jan2000\n   {z}.0\n   VRHFIN ={s}: s1\n   LEXCH  = PE\n   TITEL  = PAW_PBE {s} 01Jan2000\n'
                    f'   POMASS =    6.941; ZVAL   =    {z}.000    mass and valenz\n   ENMAX  =  200.000; ENMIN  =  150.000 eV\n End of Dataset\n')
