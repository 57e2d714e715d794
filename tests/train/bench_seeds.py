#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""Errors after training, ours and deepmd-kit's, seed by seed, and the processor time that they took; by hand.

    bench_seeds.py [--build build/release] [--steps 4000] [--seeds 1 2 3] [--core 1]
                   [--fewer 'optimiser=soap schedule=cosine lr=2.5e-2 steps=1000']

Network, data and recipe of ../shared/bench/deepmd_train.json, one core, all frames of lps/valid (deepmd-kit's figures by its own
`dp test`). Every --fewer is a shorter training of ours with other settings, to be held against the errors that deepmd-kit's
own recipe reached in the same run. Needs deepmd-kit with TensorFlow: $ALND_PEER_PYTHON or /opt/dpvenv/bin/python.
"""
import argparse
import json
import os
import re
import resource
import subprocess
import tempfile

from bench_train import ROOT, SHARED, recipe, run

SYSTEMS = ('beta-Li3PS4', 'gamma-Li3PS4')


def processor_seconds():
    r = resource.getrusage(resource.RUSAGE_CHILDREN)
    return r.ru_utime + r.ru_stime


def deepmd(o, seed, steps):
    """Processor seconds of the training, and (energy, force) RMSE by system."""
    dp = os.path.join(os.path.dirname(os.environ.get('ALND_PEER_PYTHON', '/opt/dpvenv/bin/python')), 'dp')
    j = recipe(numb_steps=steps, disp_freq=steps // 10, seed=seed)
    j['model']['descriptor']['seed'] = j['model']['fitting_net']['seed'] = seed
    with tempfile.TemporaryDirectory() as d:
        with open(os.path.join(d, 'in.json'), 'w') as f:
            json.dump(j, f)
        before = processor_seconds()
        run(o.core, [dp, '--tf', 'train', 'in.json'], cwd=d)
        seconds = processor_seconds() - before
        run(o.core, [dp, '--tf', 'freeze', '-o', 'model.pb'], cwd=d)
        errors = {}
        for s in SYSTEMS:
            out = run(o.core, [dp, '--tf', 'test', '-m', 'model.pb', '-s', os.path.join(SHARED, 'data/lps/valid', s), '-n', '1000'], cwd=d)
            errors[s] = tuple(float(re.search(name + r'\s*:\s*([0-9.eE+-]+)', out)[1])
                              for name in ('Energy RMSE/Natoms', 'Force  RMSE'))
    return seconds, errors


def ours(o, seed, steps, lr='1e-3', optimiser='adam', schedule='exponential', precision='mixed'):
    data = [os.path.join(SHARED, 'data/lps', k) for k in ('train', 'valid')]
    before = processor_seconds()
    out = run(o.core, [os.path.join(o.build, 'tests/train/bench_train'), *data, 'full', precision, str(steps), '7200', lr, '1e-6', str(seed),
                       f'optimiser={optimiser}', f'schedule={schedule}'])
    seconds = processor_seconds() - before
    rows = {m[0]: (float(m[1]), float(m[2]))
            for m in re.findall(r'^(\S+) +energy ([0-9.]+) eV/atom.*?force ([0-9.]+)', out, re.M)}
    return seconds, {s: rows[s] for s in SYSTEMS}


def line(name, steps, seed, seconds, errors):
    (eb, fb), (eg, fg) = (errors[s] for s in SYSTEMS)
    print('| %s | %d | %d | %.0f | %.4f | %.4f | %.2f | %.2f |' % (name, steps, seed, seconds, fb, fg, 1e3 * eb, 1e3 * eg), flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('--build', default=os.path.join(ROOT, 'build/release'))
    p.add_argument('--steps', type=int, default=4000)
    p.add_argument('--seeds', type=int, nargs='*', default=[1, 2, 3])
    p.add_argument('--core', type=int, default=1)
    p.add_argument('--fewer', action='append', default=[])
    p.add_argument('--no-peer', action='store_true', help='ours only')
    o = p.parse_args()
    print('| training | steps | seed | processor, s | beta force, eV/Ang | gamma | beta energy, meV/atom | gamma |\n|---|---|---|---|---|---|---|---|',
          flush=True)
    for seed in o.seeds:
        if not o.no_peer:
            line('deepmd-kit, its recipe', o.steps, seed, *deepmd(o, seed, o.steps))
            line('alnd, the same recipe', o.steps, seed, *ours(o, seed, o.steps))
        for f in o.fewer:
            kw = dict(w.split('=', 1) for w in f.split())
            steps = int(kw.pop('steps'))
            line('alnd, ' + ' '.join(w for w in f.split() if not w.startswith('steps=')), steps, seed, *ours(o, seed, steps, **kw))


if __name__ == '__main__':
    main()
