#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""clang-tidy (.clang-tidy) over the sources that a build made with GCC: its own options are taken out of the commands, and what
clang 14 lacks is put in (CMPLX of C11; a shuffle of vectors, here without effect).

Usage: tidy.py BUILD_DIR [PART_OF_A_PATH...]   exit 1 and the findings when there are any"""
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile

ONLY_GCC = (' -fcx-limited-range', ' -Werror ', ' -march=native')
INSTEAD = ' "-DCMPLX(x,y)=__builtin_complex((double)(x),(double)(y))" "-D__builtin_shuffle(a,b,m)=((void)(b),(void)(m),(a))" -o '


def main():
    with open(os.path.join(sys.argv[1], 'compile_commands.json'), encoding='utf-8') as f:
        entries = json.load(f)
    wanted = sys.argv[2:]
    for e in entries:
        for option in ONLY_GCC:
            e['command'] = e['command'].replace(option, ' ')
        e['command'] = e['command'].replace(' -o ', INSTEAD, 1)
    files = sorted({e['file'] for e in entries if not wanted or any(w in e['file'] for w in wanted)})
    with tempfile.TemporaryDirectory() as d:
        with open(os.path.join(d, 'compile_commands.json'), 'w', encoding='utf-8') as f:
            json.dump(entries, f)

        def tidy(path):
            return subprocess.run(['clang-tidy', '--quiet', '-p', d, path], capture_output=True, text=True, check=False)

        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            results = list(pool.map(tidy, files))
    found = sorted({line for r in results for line in re.findall(r'^/.*(?:error|warning): .*', r.stdout, re.M)})
    broken = [r for r in results if r.returncode and not re.search(r'^/.*error: ', r.stdout, re.M)]
    print('\n'.join(found + [r.stdout + r.stderr for r in broken]))
    print(f'{len(files)} files, {len(found)} findings')
    return 1 if found or broken else 0


if __name__ == '__main__':
    sys.exit(main())
