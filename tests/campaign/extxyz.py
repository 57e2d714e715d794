# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""Extended XYZ as text, for the scripts beside it: what they do not change is written as it was read."""
import re


def frames(path):
    """(comment line, lines of atoms) of each frame"""
    with open(path, encoding='utf-8') as f:
        lines = f.read().splitlines()
    at = 0
    while at < len(lines):
        n = int(lines[at])
        yield lines[at + 1], lines[at + 2:at + 2 + n]
        at += n + 2


def key(header, name):
    """Text of a key without its quotes, '' where there is none"""
    m = re.search(r'\b' + name + r'=("[^"]*"|\S+)', header)
    return m[1].strip('"') if m else ''
