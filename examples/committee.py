# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""python committee.py STRUCTURE MODEL.dp...   energy, forces, stress and the committee's deviation, then 20 steps of NVE with
ASE. The structure is any file that ASE reads."""
import sys

import numpy as np
from ase import units
from ase.io import read
from ase.md.verlet import VelocityVerlet

from alnd.ase import Alnd

atoms = read(sys.argv[1], index=0)
atoms.calc = Alnd(*sys.argv[2:])
print(f'energy      {atoms.get_potential_energy():.6f} eV')
print(f'forces      up to {np.abs(atoms.get_forces()).max():.6f} eV/Ang')
if all(atoms.pbc):
    print('stress      ' + ' '.join(f'{s / units.GPa:.4f}' for s in atoms.get_stress()) + ' GPa (xx yy zz yz xz xy)')
if 'deviation' in atoms.calc.results:
    print(f'deviation   up to {atoms.calc.results["deviation"].max_force:.6f} eV/Ang')

spread = np.sqrt(300 * units.kB * atoms.get_masses())  # of momenta at 300 K
atoms.set_momenta(spread[:, None] * np.random.default_rng(1).normal(size=(len(atoms), 3)))
md = VelocityVerlet(atoms, timestep=0.5 * units.fs)
md.attach(lambda: print(f'{md.nsteps:4d} steps  total energy {atoms.get_total_energy():.6f} eV'), interval=10)
md.run(20)
