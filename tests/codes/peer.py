#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""The real abinit and cp2k.psmp under mpirun, through engines/codes' writer and reader alone (code_tool): peer.py CODE_TOOL abinit|cp2k.

A small cell with k-points and smearing against what the program says of its energies elsewhere in its output, a run that cannot converge, the ladder;
forces and stress of CP2K by its own energies. reference.py has the 16-atom frame. Exit 77: skipped."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

TOOL, ENGINE = os.path.abspath(sys.argv[1]), sys.argv[2]
HARTREE = 27.211386245988
PROGRAM = {'abinit': 'abinit', 'cp2k': 'cp2k.psmp'}[ENGINE]
OUTPUT, SCREEN = {'abinit': ('alnd.abo', 'abinit.log'), 'cp2k': ('cp2k.out', 'cp2k.out')}[ENGINE]
ENV = dict(os.environ, OMP_NUM_THREADS='1', OPENBLAS_NUM_THREADS='1', OMPI_ALLOW_RUN_AS_ROOT='1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM='1')
KIND = '    &KIND %s\n      BASIS_SET %s\n    &END KIND\n'


def skip(why):
    print('skipped:', why)
    sys.exit(77)


def frame(path, cell, atoms):
    with open(path, 'w') as f:
        f.write('%d\nLattice="%s" Properties=species:S:1:pos:R:3 pbc="T T T"\n' % (len(atoms), ' '.join(repr(x) for row in cell for x in row)))
        for symbol, pos in atoms:
            f.write(symbol + ' ' + ' '.join(map(repr, pos)) + '\n')


def run(work, keys, pseudo, ranks):
    """(the one step, text of the output, complete, answer of failure())"""
    shutil.rmtree(work + '/run', ignore_errors=True)
    os.mkdir(work + '/run')
    keys = [f'{k}={v}' for k, v in keys.items()] + [f'pseudo={k}:{v}' for k, v in pseudo.items()]
    wrote = subprocess.run([TOOL, 'write', ENGINE, work + '/f.extxyz', work + '/run'] + keys, capture_output=True, text=True)
    assert wrote.returncode == 0, wrote.stderr
    args, order, _ = wrote.stdout.splitlines()
    assert order.split() == [str(i) for i in range(len(order.split()))]
    with open(f'{work}/run/{SCREEN}', 'w') as out, open(work + '/run/errors', 'w') as err:
        subprocess.run(['mpirun', '--oversubscribe', '--bind-to', 'none', '-n', str(ranks), PROGRAM] + args.split(), cwd=work + '/run', env=ENV,
                       stdin=subprocess.DEVNULL, stdout=out, stderr=err, timeout=500)
    read = subprocess.run([TOOL, 'read', f'{work}/run/{OUTPUT}'], capture_output=True, text=True)
    assert read.returncode == 0, read.stderr
    lines = read.stdout.strip().split('\n')
    assert len(lines) == 1 or json.loads(lines[-2])['format'] == ENGINE
    failure = subprocess.run([TOOL, 'failure', ENGINE, work + '/run', '0'], capture_output=True, text=True).stdout
    with open(f'{work}/run/{OUTPUT}', errors='replace') as f:
        return json.loads(lines[-2]) if len(lines) > 1 else None, f.read(), lines[-1] == 'complete', failure.strip()


def check(name, worst, limit):
    print(f'  {name}: {worst:.3g} (limit {limit:g})')
    assert worst <= limit, name


def template(work, bases):
    with open(work + '/template', 'w') as f:
        f.write('&FORCE_EVAL\n  &SUBSYS\n' + ''.join(KIND % (k, b) for k, b in bases.items()) + '  &END SUBSYS\n&END FORCE_EVAL\n')
    return work + '/template'


def small_metal(work):
    """Smearing: which energy, and the one of zero width; k-points."""
    frame(work + '/f.extxyz', [[4.2, 0, 0], [0, 4.2, 0], [0, 0, 4.2]], [('Li', (0, 0, 0)), ('S', (2.1, 2.1, 2.2)), ('Li', (2.1, 0, 0.1))])
    keys = {'ecut': (10 if ENGINE == 'abinit' else 100) * HARTREE, 'smearing': 'fermi', 'width': 0.3, 'mesh': '2,2,1', 'shift': '0.5,0.5,0', 'tight': 1}
    if ENGINE == 'cp2k':
        keys['user'] = template(work, {'Li': 'SZV-MOLOPT-SR-GTH', 'S': 'SZV-MOLOPT-SR-GTH'})
    step, text, complete, _ = run(work, keys, {'Li': 'GTH-PBE', 'S': 'GTH-PBE'}, 2)
    assert complete and step['converged'] and float(step['electrons']) == 12
    if ENGINE == 'abinit':
        terms = text.split('--- !EnergyTerms')[1]
        free, ts = (HARTREE * float(re.search(k + r"\s*:\s*([-+.\dE]+)", terms).group(1)) for k in ('total_energy ', "'-kT\\*entropy'"))
    else:
        free = HARTREE * float(re.findall(r'ENERGY\| Total FORCE_EVAL.*?([-.\d]+)\n', text)[-1])
        ts = HARTREE * float(re.findall(r'Electronic entropic energy:\s*([-.\d]+)', text)[-1])
    print('small cell, Fermi-Dirac, 2 x 2 x 1 points:')
    assert ts < -1e-4
    check('free energy, eV', abs(step['energy'] - free), 1e-8)
    check('(E + F)/2, eV', abs(float(step['zero']) - (free - 0.5 * ts)), 1e-7)
    step, text, complete, failure = run(work, dict(keys, max_scf=3), {'Li': 'GTH-PBE', 'S': 'GTH-PBE'}, 1)
    print('3 SCF steps:', failure)
    assert not (step and step['converged']) and failure.startswith('1 ') and 'onverge' in failure
    for rung in (1, 2):
        again, _, complete, _ = run(work, dict(keys, rung=rung, max_scf=100), {'Li': 'GTH-PBE', 'S': 'GTH-PBE'}, 1)
        assert complete and again['converged']
        check(f'rung {rung}: the same energy, eV', abs(again['energy'] - free), 2e-6)


def by_differences(work):
    """CP2K: units and signs of forces and stress by its own energies. Atoms on a grid: not to more digits."""
    pseudo = {'Li': 'GTH-PBE', 'S': 'GTH-PBE'}
    keys = {'ecut': 100 * HARTREE, 'smearing': 'fermi', 'width': 0.3, 'mesh': '2,2,1', 'shift': '0.5,0.5,0', 'tight': 1,
            'user': template(work, {k: 'SZV-MOLOPT-SR-GTH' for k in pseudo})}

    def at(shift, strain):
        cell = [[4.2, 0, 0], [0.3, 4.4, 0], [0, 0.2, 4.6 * (1 + strain)]]
        atoms = [('Li', (0, 0, 0)), ('S', (2.1, 2.1, (2.0 + shift) * (1 + strain))), ('Li', (2.1, 0.2, 0.3 * (1 + strain)))]
        frame(work + '/f.extxyz', cell, atoms)
        step, _, complete, _ = run(work, keys, pseudo, 1)
        assert complete and step['converged']
        return step

    step, d, e = at(0, 0), 0.02, 0.01
    slope = (at(d, 0)['energy'] - at(-d, 0)['energy']) / (2 * d)
    strained = (at(0, e)['energy'] - at(0, -e)['energy']) / (2 * e)
    print(f"energies: force {-slope:.4f} ({step['atoms'][1][6]:.4f}) eV/Ang, virial zz {-strained:.3f} ({step['virial'][8]:.3f}) eV")
    check('force against energies, relative', abs(-slope / step['atoms'][1][6] - 1), 0.002)
    check('virial against energies, relative', abs(-strained / step['virial'][8] - 1), 0.005)


def main():
    for p in (PROGRAM, 'mpirun'):
        if not shutil.which(p):
            skip('no ' + p)
    with tempfile.TemporaryDirectory() as work:
        small_metal(work)
        if ENGINE == 'cp2k':
            by_differences(work)


main()
