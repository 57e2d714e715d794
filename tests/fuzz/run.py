#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""Builds the fuzz targets (preset fuzz) in BUILD and lets each run SECONDS, from the kept corpus and from what earlier runs found
(BUILD/found/READER): run.py SOURCE_DIR BUILD [--seconds N] [READER...]. A line for each target; exit 1 and the offending input
(BUILD/bad/READER-...) after the first crash, leak, hang (10 s) or 1 GiB."""
import argparse
import os
import re
import shutil
import subprocess
import sys

a = argparse.ArgumentParser()
a.add_argument('source')
a.add_argument('build')
a.add_argument('readers', nargs='*')
a.add_argument('--seconds', type=int, default=60)
o = a.parse_intermixed_args()
clang = next((c for c in ['clang'] + [f'clang-{v}' for v in range(19, 13, -1)] if shutil.which(c)), None)
if not clang:
    print('skipped: no clang')
    sys.exit(77)
with open(os.path.join(o.source, 'tests/fuzz/CMakeLists.txt'), encoding='utf-8') as f:
    every = re.search(r'set\(readers ([^)]*)\)', f.read()).group(1).split()
quiet = {'stdout': subprocess.DEVNULL}
subprocess.run(['cmake', '-S', o.source, '-B', o.build, '-G', 'Ninja', f'-DCMAKE_C_COMPILER={clang}', '-DCMAKE_BUILD_TYPE=Debug', '-DALND_FUZZ=ON'],
               check=True, **quiet)
subprocess.run(['cmake', '--build', o.build, '-j', '2'], check=True, **quiet)
os.makedirs(os.path.join(o.build, 'bad'), exist_ok=True)
bad = 0
for r in o.readers or every:
    found = os.path.join(o.build, 'found', r)
    os.makedirs(found, exist_ok=True)
    command = [os.path.join(o.build, 'tests/fuzz/fuzz_' + r), f'-max_total_time={o.seconds}', '-timeout=10', '-rss_limit_mb=1024', f'-max_len={32768 if r == "dp" else 8192}',
               '-print_final_stats=1', f'-artifact_prefix={o.build}/bad/{r}-']
    if r == 'dp':  # libhdf5 falls over malformed files (docs/reliability.md, Safety): the reader opens such files in a process of their own
        command += ['-fork=1', '-ignore_crashes=1', '-ignore_ooms=1', '-ignore_timeouts=1', '-detect_leaks=0']
    p = subprocess.run(command + [found, os.path.join(o.source, 'tests/fuzz/corpus', r)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       text=True, errors='replace', check=False)
    runs = re.findall(r'number_of_executed_units: (\d+)', p.stdout) or re.findall(r'^#(\d+)', p.stdout, re.M)
    cover = re.findall(r'cov: (\d+)', p.stdout)
    died = re.findall(r'oom/timeout/crash: ([0-9/]+)', p.stdout)
    if died:
        print(f'{r:8} libhdf5 took all memory/hung/crashed {died[-1]} times', flush=True)
    print(f'{r:8} {runs[-1] if runs else "?":>10} executions, {cover[-1] if cover else "?":>5} edges, {"ended with " + str(p.returncode) if p.returncode else "sound"}', flush=True)
    wrong = p.returncode != 0
    if r == 'dp':  # what libhdf5 does is counted, what happens in our own code is bad
        wrong = False
        for name in sorted(n for n in os.listdir(os.path.join(o.build, 'bad')) if n.startswith('dp-crash')):
            path = os.path.join(o.build, 'bad', name)
            again = subprocess.run([command[0], '-timeout=10', path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace', check=False)
            if 'libhdf5' in again.stdout:
                os.remove(path)
            elif again.returncode:
                wrong = True
                print(again.stdout[-3000:])
    if wrong:
        bad += 1
        print(p.stdout[-6000:])
sys.exit(bad != 0)
