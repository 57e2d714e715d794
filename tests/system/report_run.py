# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""A finished run of the worker without physics, one start of which failed, with results of known numbers in the places where the real
worker writes them."""
import datetime
import os
import shutil
import sqlite3
import subprocess

STEPS = [0, 100, 500, 1000, 2000]
DIFFUSION = {'A': [(498.0, 1e-6, 2e-7), (703.0, 8e-6, 1e-6)], 'B': [(701.0, 5e-6, 1e-6)]}  # T, D, its error
CONFIG = '''name: small
seed: 7
workdir: run
systems: [{name: A, structure: li2s.extxyz}, {name: B, structure: li2s.extxyz}]
initial: {perturb: {frames: 5}}
train: {committee: 9}
explore: {temperatures: [300 K]}
label: {pseudopotentials: pseudo}
converge: {patience: 1, min_iterations: 1, max_iterations: 1}
production: {temperatures: [500 K, 700 K], replicas: 1}
resources: {cores: 2, retries: 1, label: {batch: 5}}
'''
PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" width="60" height="40"><rect width="60" height="40" fill="#440154"/></svg>\n'


def write(run, path, text):
    path = os.path.join(run, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)


def training(run):
    it = 'iterations/000/'
    for m in range(9):
        write(run, f'{it}train/{m}/lcurve.out', '# step rmse_val rmse_trn rmse_e_val rmse_e_trn rmse_f_val rmse_f_trn lr\n' +
              '# nan when there is no data\n' + ''.join(
                  f'{s} 1 1 {0.01 / (1 + s):.6f} 1e-3 {0.4 / (1 + s) + 0.1 * m:.6f} {0.3 / (1 + s) + 0.1:.6f} 1e-3\n' for s in STEPS))
    for s, shift in (('A', 1.0), ('B', 2.0)):
        write(run, f'{it}explore/{s}-300K/deviation.out', '# step max_devi_v min_devi_v avg_devi_v max_devi_f min_devi_f avg_devi_f devi_e\n' +
              ''.join(f'{20 * i} 0 0 0 {shift * 0.02 * (1 + i % 11)} 0 0 0\n' for i in range(200)))
    write(run, it + 'select/selection.yaml', 'windows:\n' + ''.join(
        f'  - {{system: {s}, temperature: 300, low: 0.05, high: 0.25, from: given, auto: false, frames: 0}}\n' for s in 'AB'))
    write(run, it + 'evaluate/calibration.csv', '# force_rmse wanted / eV/Ang: 0.15\n'
          'frame_id,set,system,temperature_K,atoms,deviation_eV_per_Ang,max_force_error_eV_per_Ang,force_rmse_eV_per_Ang,max_force_eV_per_Ang,'
          'energy_error_eV_per_atom\na,test,A,300,3,0.1,0.2,0.1,2,0.001\nb,test,A,300,3,0.2,0.3,0.1,2,0.001\nc,new,B,300,3,0.3,0.2,0.1,2,0.001\n')
    write(run, it + 'evaluate/parity-energies.csv', 'frame_id,set,system,temperature_K,atoms,label_eV_per_atom,model_eV_per_atom\n'
          'a,test,A,300,3,-100.005,-100.004\nb,test,A,300,3,-99.995,-99.993\nc,new,B,300,3,-200,-200.001\n')
    write(run, it + 'evaluate/parity-forces.csv',
          'frame_id,set,system,element,label_x_eV_per_Ang,label_y,label_z,model_x_eV_per_Ang,model_y,model_z\n' + ''.join(
              f'a,test,A,Li,{0.01 * i},0,0,{0.011 * i},0.01,0\n' for i in range(400)) + 'a,test,A,S,0.1,-0.1,0.5,0.2,-0.3,0.5\n')


def transport(run):
    for s in 'AB':
        text = f'system: {s}\ndemonstration: true\ntemperatures:\n'
        for k, nominal in enumerate((500, 700)):
            t, d, e = DIFFUSION['A'][k] if s == 'A' else (701.0, 5e-6, 1e-6) if k else (499.0, 1e-8, 1e-7)
            text += (f'  - nominal_temperature_k: {nominal}\n    runs: 1\n    runs_ended_early: 0\n    temperature_k: {t}\n    d_cm2_per_s: {d}\n'
                     f'    d_error_cm2_per_s: {e}\n    loglog_slope: 1\n    loglog_slope_error: 0.05\n    fit_from_fs: 1000\n    fit_to_fs: 4000\n'
                     f'    offset_ang2: 0.1\n    regime: "diffusive <b>&\\""\n    structure:\n      files: transport/{s}/structure-{nominal}K\n')
            if s == 'B' and k:
                text += '      framework: {state: molten, verdict: "molten"}\n    in_arrhenius_fit: false\n'
            if s == 'B' and not k:
                text = text.replace('    loglog_slope: 1\n', '    d_below_cm2_per_s: 2e-7\n    loglog_slope: 1\n')
            write(run, f'transport/{s}/msd-{nominal}K.csv', 'lag/fs,MSD/Ang^2,error/Ang^2,x/Ang^2,y/Ang^2,z/Ang^2\n' + ''.join(
                f'{100 * i},{0.6 * i},{0.06 * i},{0.2 * i},{0.2 * i},{0.2 * i}\n' for i in range(1, 60)))
            write(run, f'transport/{s}/structure-{nominal}K/density.svg', PICTURE)
            write(run, f'transport/{s}/structure-{nominal}K/density.csv', 'a,b,ions/Ang^2\n0,0,0.5\n')
        text += ('arrhenius:\n  points: 2\n  activation_energy_ev: 0.3\n  activation_energy_error_ev: 0.02\n  d0_cm2_per_s: 1e-3\n'
                 '  d_300k_cm2_per_s: 9e-9\n  d_300k_low95: 5e-9\n  d_300k_high95: 2e-8\n' if s == 'A' else 'arrhenius: "not determined: too few; molten: 700 K"\n')
        write(run, f'transport/{s}.yaml', text)
        frames = ''
        for i in range(8):
            frames += ('3\nLattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3 pbc="T T T"\n'
                       f'S 0 0 0\nLi {1 + 0.2 * i} 1 1\nLi 3 {3 + 0.3 * i} 3\n')
        write(run, f'production/{s}-700K-0/traj.extxyz', frames)


def prepare(d, source):
    os.makedirs(os.path.join(d, 'pseudo'))
    shutil.copy(os.path.join(source, 'tests/system/li2s.extxyz'), d)
    for f in ('03_Li_1.psp8', '16_S_1.psp8'):
        write(d, 'pseudo/' + f, f)
    write(d, 'loop.yaml', CONFIG)


def make(d, alnd, env, source):
    prepare(d, source)
    for fail in ('iterations/000/train/1:NOTCONV', ''):
        p = subprocess.run([alnd, 'start', 'loop.yaml'], cwd=d, env={**env, **({'ALND_FAKE_FAIL': fail} if fail else {})}, capture_output=True, text=True,
                           timeout=120)
        if p.returncode == 0:
            break
        subprocess.run([alnd, 'retry', 'run', '--all'], cwd=d, env=env, capture_output=True, timeout=60)
    assert p.returncode == 0, p.stdout + p.stderr
    training(os.path.join(d, 'run'))
    transport(os.path.join(d, 'run'))
    return d


def journal(run):
    """Costs by verb and the number of failed starts, by another way than the program's."""
    c = sqlite3.connect(os.path.join(run, 'alnd.db'))
    when = datetime.datetime.fromisoformat
    costs, failures = {}, 0
    for verb, task, started, ended, cause in c.execute(
            'SELECT t.verb, t.id, a.started, a.ended, a.class FROM attempt a JOIN task t ON t.id = a.task'):
        tasks, starts, seconds = costs.get(verb, (set(), 0, 0.0))
        length = (when(ended.replace('Z', '+00:00')) - when(started.replace('Z', '+00:00'))).total_seconds()
        costs[verb] = (tasks | {task}, starts + 1, seconds + length)
        failures += cause != ''
    return {'costs': {v: (len(t), n, s) for v, (t, n, s) in costs.items()}, 'failures': failures}
