#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""nist.py TEST_PROGRAM: fetches NIST's sample configurations of the Lennard-Jones fluid and compares energies and virials.

They come from NIST (below), or lie in the directory that ALND_NIST_LJ names; SHA-256 as published in several repositories that hold them.
Exit 77: skipped, there is neither."""
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import urllib.request

URL = 'https://www.nist.gov/document/ljsampleconfigurations-targz'
SHA = {1: '6fa4bf9d4cb84c07d4766e4c1143c5fdf0c560c47a695336c6d06b19e425d295',
       2: 'd6714977c486280577f2fe69fdfd52188b47a1bdace653edf47ad44b29f37c9a',
       3: 'c8e13fef51b21cea5f958ae911c0f45fe3f7ef4f92578d68569258bbb29113ec',
       4: 'aa823314ac4abf597cbe9faf9b9caab267a78ddab1433779a6d7da72f59e1883'}


def fetch(d):
    data = urllib.request.urlopen(URL, timeout=20).read()
    with tarfile.open(fileobj=io.BytesIO(data)) as t:
        for m in t.getmembers():
            name = os.path.basename(m.name)
            if m.isfile() and name.startswith('lj_sample_config_periodic'):
                with open(os.path.join(d, name), 'wb') as f:
                    f.write(t.extractfile(m).read())


def main():
    given = os.environ.get('ALND_NIST_LJ')
    with tempfile.TemporaryDirectory() as d:
        if not given:
            try:
                fetch(d)
            except (OSError, tarfile.TarError) as e:
                print(f'skipped: no configurations from {URL} ({e}), and ALND_NIST_LJ names no directory with them')
                return 77
            for k, want in SHA.items():
                with open(os.path.join(d, f'lj_sample_config_periodic{k}.txt'), 'rb') as f:
                    have = hashlib.sha256(f.read()).hexdigest()
                if have != want:
                    print(f'FAIL: configuration {k} is not the one that was published: SHA-256 {have}')
                    return 1
        return subprocess.call([sys.argv[1], 'configurations', given or d])


sys.exit(main())
