#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""alnd md in every ensemble, with first-principles forces and with a model that is trained on what they gave.

md_ensembles.py BIN_DIR SOURCE_DIR dft    a ramp of NPT with a full cell, stopped and gone on with, bit for bit; its frames train a model for the rest
md_ensembles.py BIN_DIR SOURCE_DIR input  options that contradict each other: one message, exit code 2, nothing created"""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

BIN, SOURCE, MODE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), sys.argv[3]
ALND = os.path.join(BIN, 'alnd')
SMALL = ('--descriptor.neurons', '[4, 8]', '--descriptor.axis_neurons', '2', '--fitting.neurons', '[10, 10]', '--descriptor.rcut', '4 Ang')


def check(ok, text):
    if not ok:
        print('FAIL:', text)
        sys.exit(1)


def read(name):
    with open(name, 'rb') as f:
        return f.read()


def alnd(*args, code=0):
    p = subprocess.run([ALND, *args], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=500)
    check(p.returncode == code, f'alnd {" ".join(args)}: exit {p.returncode}, not {code}\n{p.stdout}\n{p.stderr}')
    return p.stdout, p.stderr


def rows(path):
    """Thermo log: list of {column: number}."""
    head, *rest = read(path).decode().split()
    return [dict(zip(head.split(','), map(float, r.split(',')))) for r in rest]


def stop_and_go_on(args, after, files):
    """Runs into a.OUT in one go; into b.OUT with a Ctrl-C once `after` steps are on record."""
    alnd('md', *args, '--out', 'whole')
    p = subprocess.Popen([ALND, 'md', *args, '--out', 'parts'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    stopped = False
    while p.poll() is None:
        try:
            stopped = stopped or len(rows('parts/thermo.csv')) > after
        except (OSError, ValueError):
            pass
        if stopped:
            p.send_signal(signal.SIGINT)
            break
        time.sleep(0.02)
    p.wait()
    alnd('md', *args, '--out', 'parts')
    for f in files:
        check(read(f'whole/{f}') == read(f'parts/{f}'), f'{f} of {" ".join(args)} is another one after a stop')
    shutil.rmtree('parts')


def cell(frame):
    return [float(x) for x in re.search(r'Lattice="([^"]*)"', frame)[1].split()]


def test_dft():
    # 8 Ha are far from converged: the Pulay stress of these three atoms is some -150 GPa, so that is where their cell stays, and
    # with the number of plane waves the energy jumps, so conservation is looked at in nvt.
    common = ('start.extxyz', '--temperature', '300 K', '--timestep', '1 fs', '--stride', '2', '--seed', '3')
    npt = ('--ensemble', 'npt', '--cell', 'full', '--thermostat', 'nhc', '--temperature-end', '600 K', '--pressure', '-150 GPa',
           '--pressure-end', '-145 GPa', '--thermostat-time', '20 fs', '--barostat-time', '1 ps', '--time', '16 fs')
    stop_and_go_on(('dft', *common, '--config', 'label.yaml', '--cores', '1', *npt), 5, ('trajectory.extxyz', 'thermo.csv'))
    summary = read('whole/summary.yaml').decode()
    check('thermostat: nhc' in summary and 'cell: full' in summary and 'ended: all steps done' in summary, summary)
    frames = re.findall(r'Lattice=.*', read('whole/trajectory.extxyz').decode())
    check(len(frames) == 9, len(frames))
    a, b = cell(frames[0]), cell(frames[-1])
    check(all(abs(x - y) > 1e-6 for x, y in zip(a, b) if abs(x) > 1), 'the cell has not moved')
    # What a ramp is depends on its length, so a longer one is another run.
    alnd('md', 'dft', *common, '--config', 'label.yaml', '--cores', '1', *npt[:-1], '20 fs', '--out', 'whole', code=2)

    nvt = ('--ensemble', 'nvt', '--thermostat', 'nhc', '--temperature-end', '600 K', '--thermostat-time', '20 fs', '--time', '12 fs')
    alnd('md', 'dft', *common, '--config', 'label.yaml', '--cores', '1', *nvt, '--out', 'nvt')
    log = rows('nvt/thermo.csv')
    drift = max(abs(r['conserved/eV'] - log[0]['conserved/eV']) for r in log)
    check(drift < 0.02, f'conserved energy moves by {drift} eV')
    with open('all.extxyz', 'wb') as f:
        f.write(read('whole/trajectory.extxyz') + read('nvt/trajectory.extxyz'))
    alnd('train', 'all.extxyz', '--out', 'm', '--steps', '800', *SMALL)
    for heat in ('svr', 'langevin', 'nhc'):
        for ensemble, more in (('nvt', ()), ('npt', ('--cell', 'isotropic')), ('npt', ('--cell', 'full'))):
            pressure = ('--pressure', '-150 GPa') if ensemble == 'npt' else ()
            args = ('m/model.dp', *common, '--ensemble', ensemble, '--thermostat', heat, *more, *pressure, '--temperature-end', '200 K',
                    '--time', '20 fs')
            out, _ = alnd('md', *args, '--out', f'{heat}-{ensemble}{"".join(more)}')
            check('20 steps' in out, out)
            end = rows(f'{heat}-{ensemble}{"".join(more)}/thermo.csv')[-1]
            check(end['step'] == 20, end)
    # A model of three frames' worth of data under a pull that no crystal stands: an end with a reason, and no NaN.
    alnd('md', 'm/model.dp', *common, '--ensemble', 'npt', '--pressure', '-500 GPa', '--barostat-time', '20 fs', '--time', '2 ps', '--out', 'pull',
         code=1)
    summary = read('pull/summary.yaml').decode()
    check('ended: all steps done' not in summary, summary)
    for f in ('summary.yaml', 'trajectory.extxyz', 'thermo.csv'):
        check(not re.search(r'\b(nan|inf)\b', read(f'pull/{f}').decode()), f'not a number in {f}')
    print('pull:', re.search(r'ended: (.*)', summary)[1])


def test_input():
    good = ['dft', 'start.extxyz', '--config', 'label.yaml', '--temperature', '300 K', '--time', '2 fs', '--out', 'bad']
    for wrong, word in ((('--ensemble', 'nve', '--thermostat', 'nhc'), '--thermostat'), (('--ensemble', 'nvt', '--cell', 'full'), '--cell'),
                        (('--ensemble', 'nvt', '--pressure-end', '1 GPa'), '--pressure-end'),
                        (('--ensemble', 'nve', '--temperature-end', '600 K'), '--temperature-end'),
                        (('--ensemble', 'nvt', '--thermostat', 'berendsen'), 'svr, langevin or nhc'),
                        (('--ensemble', 'npt', '--cell', 'orthorhombic'), 'isotropic or full'),
                        (('--ensemble', 'nph'), 'nve, nvt or npt')):
        _, err = alnd('md', *good, *wrong, code=2)
        check(word in err and 'Traceback' not in err, err)
        check(not os.path.exists('bad'), 'something was created')


def main():
    with tempfile.TemporaryDirectory() as d:
        shutil.copy(os.path.join(SOURCE, 'tests/system/li2s.extxyz'), os.path.join(d, 'start.extxyz'))
        os.chdir(d)
        with open('label.yaml', 'w') as f:
            f.write('label: {cutoff: 8 Ha, kpoints: {points: [[0.25, 0.25, 0.25]]}, pseudopotentials: SPMS, pulay: false}\nselect: {min_distance: 1.0 Ang}\n')
        {'dft': test_dft, 'input': test_input}[MODE]()
        os.chdir('/')


main()
