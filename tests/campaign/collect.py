#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""What is worth keeping of a run, finished or not, into a directory of small files: docs/campaign.

    collect.py RUN OUT

labels.extxyz: every labelled frame, in the order in which it came (frame_id, purpose, temperature, fingerprint ... of each), also those of the
initial data; errors-III.yaml; when they are there: models/, transport/SYSTEM.yaml with its pictures and tables, certificate.yaml, comparison.yaml; journal.sql.gz: the
journal as SQL (`zcat journal.sql.gz | sqlite3 alnd.db`), loop.yaml. Standard library only; changes nothing in RUN."""
import glob
import gzip
import os
import shutil
import sqlite3
import sys


def labels(run, out):
    paths = []
    for pattern in ('initial/*/label/*', 'initial/*/aimd/*', 'iterations/*/label/*'):
        paths += sorted(glob.glob(os.path.join(run, pattern, 'labelled.extxyz')))
    n = 0
    with open(os.path.join(out, 'labels.extxyz'), 'w') as f:
        for p in paths:
            if not os.path.exists(os.path.join(os.path.dirname(p), 'result.yaml')):
                continue  # still being written
            text = open(p).read()
            f.write(text)
            n += sum('frame_id=' in line for line in text.split('\n'))
    print(f'{n} labelled frames')


def keep(path, target):
    if os.path.exists(path):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(path, target)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    run, out = sys.argv[1:]
    os.makedirs(out, exist_ok=True)
    labels(run, out)
    for name in ('loop.yaml', 'certificate.yaml', 'comparison.yaml'):
        keep(os.path.join(run, name), os.path.join(out, name))
    for p in glob.glob(os.path.join(run, 'iterations/*/errors.yaml')):
        keep(p, os.path.join(out, f'errors-{p.split("/")[-2]}.yaml'))
    for p in glob.glob(os.path.join(run, 'models/*')):
        if p.endswith(('.dp', 'model.yaml')):
            keep(p, os.path.join(out, 'models', os.path.basename(p)))
    for p in glob.glob(os.path.join(run, 'transport/**'), recursive=True):
        if p.endswith(('.yaml', '.svg')) and not p.endswith(('result.yaml', 'task.yaml')):
            keep(p, os.path.join(out, 'transport', os.path.relpath(p, os.path.join(run, 'transport'))))
    db = sqlite3.connect(f'file:{os.path.join(run, "alnd.db")}?mode=ro', uri=True)
    with gzip.GzipFile(os.path.join(out, 'journal.sql.gz'), 'wb', mtime=0) as f:
        for line in db.iterdump():
            f.write((line + '\n').encode())


main()
