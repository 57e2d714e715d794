#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""Seconds a training step: ours (plain, double, mixed) and deepmd-kit's, in turn, on one core; by hand.

    bench_train.py [--build build/release] [--rounds 3] [--steps 1500] [--deepmd-steps 300] [--core 1]

Network, data and batch of ../shared/bench/deepmd_train.json. Prints the figures of every round and a table of medians,
the arithmetic of a step and its fraction of the core's peak in matrix products (measured in the same run). Needs
deepmd-kit with TensorFlow: $ALND_PEER_PYTHON or /opt/dpvenv/bin/python.
"""
import argparse
import json
import os
import re
import resource
import statistics
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SHARED = os.path.join(os.path.dirname(ROOT), 'shared')
ONE = {k: '1' for k in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'TF_INTRA_OP_PARALLELISM_THREADS',
                        'TF_INTER_OP_PARALLELISM_THREADS', 'DP_INTRA_OP_PARALLELISM_THREADS',
                        'DP_INTER_OP_PARALLELISM_THREADS')}
ONE.update(CUDA_VISIBLE_DEVICES='', TF_CPP_MIN_LOG_LEVEL='3')


def run(core, args, **kw):
    """Output of a program on one core."""
    p = subprocess.run(['taskset', '-c', str(core), *args], env={**os.environ, **ONE}, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True, **kw)
    if p.returncode:
        raise SystemExit('%s failed:\n%s' % (args[0], p.stdout[-2000:]))
    return p.stdout


def ours(o, path):
    """Wall and processor seconds a step, and the line of arithmetic."""
    data = [os.path.join(SHARED, 'data/lps', k) for k in ('train', 'valid')]
    steps = o.steps // 3 if path == 'plain' else o.steps
    out = run(o.core, [os.path.join(o.build, 'tests/train/bench_train'), *data, 'full', path, str(steps), '600'])
    m = re.search(r'([0-9.]+) s a step, ([0-9.]+) s of processor', out)
    return float(m[1]), float(m[2]), re.search(r'arithmetic.*', out)[0]


def deepmd(o):
    """Wall seconds a step as deepmd-kit reports them, without its first 100; processor seconds a step."""
    wall, more = deepmd_run(o, o.deepmd_steps + 100)
    return wall, (more - deepmd_run(o, 100)[1]) / o.deepmd_steps


def recipe(**training):
    """The input of deepmd-kit: network, data and recipe of the benchmark."""
    with open(os.path.join(SHARED, 'bench/deepmd_train.json')) as f:
        j = json.load(f)
    for part in ('training_data', 'validation_data'):
        j['training'][part]['systems'] = [os.path.join(SHARED, s.removeprefix('../'))
                                          for s in j['training'][part]['systems']]
    j['training'].update(training)
    return j


def deepmd_run(o, steps):
    """Wall seconds a step, processor seconds of the whole run."""
    j = recipe(numb_steps=steps, disp_freq=100)
    python = os.environ.get('ALND_PEER_PYTHON', '/opt/dpvenv/bin/python')
    with tempfile.TemporaryDirectory() as d:
        with open(os.path.join(d, 'in.json'), 'w') as f:
            json.dump(j, f)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        out = run(o.core, [os.path.join(os.path.dirname(python), 'dp'), '--tf', 'train', 'in.json'], cwd=d)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (float(re.search(r'average training time: ([0-9.]+) s/batch', out)[1]),
            after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def main():
    """Rounds, then the table."""
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('--build', default=os.path.join(ROOT, 'build/release'))
    p.add_argument('--rounds', type=int, default=3)
    p.add_argument('--steps', type=int, default=1500)
    p.add_argument('--deepmd-steps', type=int, default=300)
    p.add_argument('--core', type=int, default=1)
    o = p.parse_args()
    wall, cpu, line = {}, {}, ''
    peak = run(o.core, [os.path.join(o.build, 'tests/train/bench_train'), 'peak'])
    print(peak.strip())
    for k in range(o.rounds):
        for path in ('plain', 'double', 'mixed', 'deepmd-kit'):
            if path == 'deepmd-kit':
                w, c = deepmd(o)
            else:
                w, c, line = ours(o, path)
            wall.setdefault(path, []).append(w)
            cpu.setdefault(path, []).append(c)
        print('round %d, wall (processor) seconds:' % (k + 1),
              ', '.join('%s %.5f (%.5f)' % (n, t[-1], cpu[n][-1]) for n, t in wall.items()), flush=True)
    print(line)
    mflop = float(re.search(r'sum ([0-9]+)', line)[1])
    double, single = (float(re.search(n + r' ([0-9.]+)', peak)[1]) for n in ('panels double', 'panels float'))
    med = {n: (statistics.median(wall[n]), statistics.median(cpu[n])) for n in wall}
    print('| path | wall, s | processor, s | times deepmd-kit (wall, processor) | GF/s | of peak |')
    print('|---|---|---|---|---|---|')
    for n, (w, c) in med.items():
        rate = mflop / 1e3 / c
        tail = '- | - |' if n in ('plain', 'deepmd-kit') else '%.0f | %.0f %% |' % (
            rate, 100 * rate / (double if n == 'double' else single))
        times = med['deepmd-kit'][0] / w, med['deepmd-kit'][1] / c
        print('| %s | %.4f | %.4f | %.1f, %.1f | %s' % (n, w, c, *times, tail))


if __name__ == '__main__':
    main()
