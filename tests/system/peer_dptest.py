# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""Run by train.py in its directory: alnd test against dp test on the same model (converted to .pb) and data."""
import json
import os
import re
import subprocess
import sys

import numpy as np

ALND = sys.argv[1]
dp = os.path.join(os.path.dirname(sys.executable), 'dp')
env = {**os.environ, 'CUDA_VISIBLE_DEVICES': '', 'TF_CPP_MIN_LOG_LEVEL': '2'}
subprocess.run([dp, 'convert-backend', 'm/model.dp', 'model.pb'], check=True, capture_output=True, env=env)
p = subprocess.run([dp, 'test', '-m', 'model.pb', '-s', 'npy', '-n', '0', '-d', 'theirs'], capture_output=True, text=True, env=env, check=True)
systems = re.findall(r'# testing system : (\S+)', p.stderr + p.stdout)
text = (p.stderr + p.stdout).split('weighted average of errors')[1]
p = subprocess.run([ALND, 'test', 'm/model.dp', *systems, '--out', 'ours', '--json'], capture_output=True, text=True, check=True)
ours = json.loads(p.stdout)['rows'][0]
for name, kind in (('Energy', 'energy'), ('Energy', 'energy_per_atom'), ('Force ', 'force'), ('Virial', 'virial'), ('Virial', 'virial_per_atom')):
    for what in ('MAE', 'RMSE'):
        label = f'{name} {what}' + ('/Natoms' if kind.endswith('per_atom') else '')
        theirs = float(re.search(re.escape(label) + r' *: (\S+)', text).group(1))
        assert abs(ours[kind][what.lower()] / theirs - 1) < 1e-5, (label, ours[kind], theirs)  # dp test prints 7 digits
for kind in ('e', 'e_peratom', 'f', 'v', 'v_peratom', 's'):
    a, b = f'ours/detail.{kind}.out', f'theirs.{kind}.out'
    heads = [[line for line in open(f, encoding='utf-8') if line.startswith('#')] for f in (a, b)]
    assert [re.sub(r'\S*npy', 'npy', h) for h in heads[0]] == [re.sub(r'\S*npy', 'npy', h) for h in heads[1]], heads
    x, y = np.loadtxt(a), np.loadtxt(b)
    assert x.shape == y.shape, (kind, x.shape, y.shape)
    assert np.abs(x - y).max() < 1e-9 * max(1, np.abs(y).max()), (kind, np.abs(x - y).max())
print('fine')
