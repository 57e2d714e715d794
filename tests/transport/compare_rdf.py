#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""g(r) of frames.txt by MDAnalysis' InterRDF against rdf.csv: 1e-6 relative in every bin. DIR ATOMS RMAX NBINS"""
import csv
import sys
import warnings

import MDAnalysis as mda
import numpy as np
from MDAnalysis.analysis.rdf import InterRDF
from MDAnalysis.coordinates.memory import MemoryReader

warnings.simplefilter('ignore')
where, natoms, rmax, nbins = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
data = np.loadtxt(f'{where}/frames.txt').reshape(-1, natoms, 4)
z = data[0, :, 0].astype(int)
u = mda.Universe.empty(natoms, trajectory=False)
u.add_TopologyAttr('name', [{3: 'Li', 16: 'S'}[k] for k in z])
u.load_new(data[:, :, 1:].astype(np.float32), format=MemoryReader, dimensions=np.array([16, 8, 32, 90, 90, 90], np.float32))
with open(f'{where}/rdf.csv') as f:
    ours = list(csv.DictReader(f))
worst = 0.0
for a, b in (('Li', 'Li'), ('Li', 'S'), ('S', 'S')):
    kw = {'exclusion_block': (1, 1)} if a == b else {}
    rdf = InterRDF(u.select_atoms(f'name {a}'), u.select_atoms(f'name {b}'), nbins=nbins, range=(0.0, rmax), **kw).run()
    g = np.array([float(row[f'g_{a}-{b}']) for row in ours])
    r = np.array([float(row['r/Ang']) for row in ours])
    assert np.allclose(r, rdf.results.bins, rtol=1e-9), 'other bins'
    assert rdf.results.rdf.max() > 1.2 and np.count_nonzero(g) > 0.8 * nbins, 'nothing to compare'
    d = np.abs(g - rdf.results.rdf) / np.maximum(rdf.results.rdf, 1e-3)
    worst = max(worst, d.max())
    print(f'{a}-{b}: largest relative difference {d.max():.2e}, g up to {g.max():.2f}')
sys.exit(0 if worst < 1e-6 else 1)
