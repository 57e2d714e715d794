# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""ASE calculator on alnd.Model.

    from alnd.ase import Alnd
    atoms.calc = Alnd('graph.0.dp', 'graph.1.dp')     # the first moves the atoms, the others vote
    atoms.get_forces(); atoms.calc.results['deviation'].max_force

Properties: energy, free_energy (the same), energies, forces, stress and stresses (ASE's sign, eV/Angstrom^3, order xx yy zz yz
xz xy; where the cell is periodic in all directions). With several models also 'deviation' (alnd.Deviation) and
'force_deviation' per atom, eV/Angstrom, in atoms.calc.results.
"""
import numpy as np
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress

from . import Model, Result, deviation_of


class Alnd(Calculator):
    implemented_properties = ['energy', 'free_energy', 'energies', 'forces', 'stress', 'stresses']

    def __init__(self, *models, mean=False, **kwargs):
        """models: .dp files, or one alnd.Model. mean: results are the mean over the members, not the first one's."""
        super().__init__(**kwargs)
        self.model = models[0] if len(models) == 1 and isinstance(models[0], Model) else Model(*models)
        self.mean = mean

    def calculate(self, atoms=None, properties=('energy',), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        atoms, model = self.atoms, self.model
        what = dict(positions=atoms.positions, symbols=atoms.get_chemical_symbols(), cell=_cell(atoms, model.cutoff),
                    atoms=bool({'energies', 'stresses'} & set(properties)))
        if model.members == 1:
            r = model.evaluate(**what)
        else:
            every = model.evaluate_all(**what)
            fields = [every.energy, every.forces, every.virial, every.atom_energy, every.atom_virial]
            r = Result(*[f if f is None else f.mean(axis=0) if self.mean else f[0] for f in fields])
            d = deviation_of(every)
            self.results.update(deviation=d, force_deviation=d.atom)
        self.results.update(energy=float(r.energy), free_energy=float(r.energy), forces=r.forces)
        if r.atom_energy is not None:
            self.results['energies'] = r.atom_energy
        if atoms.cell.rank == 3 and all(atoms.pbc):
            volume = atoms.get_volume()
            self.results['stress'] = _voigt(-r.virial / volume)
            if r.atom_virial is not None:
                self.results['stresses'] = np.array([_voigt(-v / volume) for v in r.atom_virial])


def _voigt(stress):
    return full_3x3_to_voigt_6_stress(0.5 * (stress + stress.T))


def _cell(atoms, cutoff):
    """The library knows three periodic directions or none. A direction that is not periodic gets a vector at right angles to
    the others, so long that the images are out of reach."""
    if not any(atoms.pbc):
        return None
    if all(atoms.pbc):
        return np.array(atoms.cell)
    cell = np.array(atoms.cell.complete())
    open_axes = [k for k in range(3) if not atoms.pbc[k]]
    kept = [cell[k] for k in range(3) if atoms.pbc[k]]
    for k in open_axes:
        if len(kept) == 2:
            normal = np.cross(kept[0], kept[1])
        else:  # any direction at right angles to the one that is kept
            axis = np.eye(3)[np.argmin(np.abs(kept[0]) / np.linalg.norm(kept[0]))]
            normal = np.cross(kept[0], axis)
        normal /= np.linalg.norm(normal)
        along = atoms.positions @ normal
        cell[k] = normal * (np.ptp(along) + 2 * cutoff + 1)
        kept.append(cell[k])
    return cell
