# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""Deep Potential models (.dp) in Python: energy, forces, virial, and the deviation of a committee.

    import alnd
    model = alnd.Model('graph.0.dp')                    # or several files: a committee
    r = model.evaluate(positions, symbols=['Li', ...], cell=cell)
    r.energy, r.forces, r.virial                        # eV, eV/Angstrom, eV

Units: eV, Angstrom. Virial: -dE/d(strain), positive trace = compressed; ASE's stress is -virial/volume.
For ASE: alnd.ase.Alnd. Needs numpy and libalnd.so (ctypes); ALND_LIBRARY names the library if it is not found.
"""
import ctypes
import ctypes.util
import os
from dataclasses import dataclass

import numpy as np

__all__ = ['Model', 'Result', 'Deviation', 'AlndError', 'version', 'library_path']

_KINDS = {1: 'input', 2: 'file', 3: 'unsupported', 4: 'unphysical', 5: 'memory', 6: 'internal'}
_ALL = -1


class AlndError(RuntimeError):
    """What the library says; .kind is one of input, file, unsupported, unphysical, memory, internal."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code, self.kind = code, _KINDS.get(code, 'internal')


class _Result(ctypes.Structure):
    _fields_ = [(n, ctypes.c_void_p) for n in ('energy', 'forces', 'virial', 'atom_energy', 'atom_virial')]


class _List(ctypes.Structure):
    _fields_ = [('n', ctypes.c_int), ('centre', ctypes.c_void_p), ('count', ctypes.c_void_p),
                ('neighbour', ctypes.c_void_p), ('mask', ctypes.c_int)]


class _Deviation(ctypes.Structure):
    _fields_ = [(n, ctypes.c_double) for n in
                ('max_force', 'min_force', 'avg_force', 'max_virial', 'min_virial', 'avg_virial', 'energy')]


def _candidates():
    if os.environ.get('ALND_LIBRARY'):
        yield os.environ['ALND_LIBRARY']
        return
    where = os.path.dirname(os.path.abspath(__file__))
    for _ in range(6):  # PREFIX/share/alnd/python/alnd and the like: up to PREFIX, then its library directories
        where = os.path.dirname(where)
        for lib in ('lib', 'lib64', 'lib/' + os.uname().machine + '-linux-gnu'):
            path = os.path.join(where, lib, 'libalnd.so.0')
            if os.path.exists(path):
                yield path
    yield 'libalnd.so.0'


def _load():
    errors = []
    for path in _candidates():
        try:
            lib = ctypes.CDLL(path)
        except OSError as e:
            errors.append(str(e))
            continue
        p, i, d, s = ctypes.c_void_p, ctypes.c_int, ctypes.c_double, ctypes.c_char_p
        for name, result, args in (
                ('version', s, []), ('error', s, []), ('close', None, [p]), ('models', i, [p]), ('cutoff', d, [p]),
                ('types', i, [p]), ('type_name', s, [p, i]), ('sel', i, [p, i, i]),
                ('open_committee', i, [ctypes.POINTER(s), i, ctypes.POINTER(p)]),
                ('eval', i, [p, i, i, p, p, p, ctypes.POINTER(_Result)]),
                ('eval_list', i, [p, i, i, p, p, ctypes.POINTER(_List), ctypes.POINTER(_Result)]),
                ('deviation_of', i, [i, i, p, p, p, ctypes.POINTER(_Deviation), p])):
            f = getattr(lib, 'alnd_' + name)
            f.restype, f.argtypes = result, args
        return lib, path
    raise ImportError('libalnd.so.0 cannot be loaded (set ALND_LIBRARY to its path): ' + '; '.join(errors))


_lib, library_path = _load()
version = _lib.alnd_version().decode()


def _check(code):
    if code:
        raise AlndError(code, _lib.alnd_error().decode())


def _doubles(a, shape):
    a = np.ascontiguousarray(a, dtype=np.float64)
    if a.size != int(np.prod(shape)):
        raise ValueError(f'array of shape {a.shape} where {shape} is needed')
    return a.reshape(shape)


@dataclass
class Result:
    """energy [eV], forces [natoms, 3], virial [3, 3]; atom_energy [natoms], atom_virial [natoms, 3, 3] or None.
    With every member of a committee (Model.evaluate_all) each has a first axis of members."""
    energy: float
    forces: np.ndarray
    virial: np.ndarray
    atom_energy: np.ndarray = None
    atom_virial: np.ndarray = None


@dataclass
class Deviation:
    """Standard deviations over the members (the formulas of `dp model-devi`): of forces [eV/Angstrom], per atom in
    `atom`; of virials and of the energy [eV/atom]."""
    max_force: float
    min_force: float
    avg_force: float
    max_virial: float
    min_virial: float
    avg_virial: float
    energy: float
    atom: np.ndarray


class Model:
    """One .dp file, or several with the same types: a committee."""

    def __init__(self, *paths):
        self._handle = ctypes.c_void_p()
        if len(paths) == 1 and isinstance(paths[0], (list, tuple)):
            paths = tuple(paths[0])
        names = (ctypes.c_char_p * max(len(paths), 1))(*[os.fsencode(p) for p in paths])
        _check(_lib.alnd_open_committee(names, len(paths), ctypes.byref(self._handle)))
        h = self._handle
        self.paths = tuple(os.fspath(p) for p in paths)
        self.members = _lib.alnd_models(h)
        self.cutoff = _lib.alnd_cutoff(h)
        self.type_map = [_lib.alnd_type_name(h, t).decode() for t in range(_lib.alnd_types(h))]
        self.sel = [[_lib.alnd_sel(h, k, t) for t in range(len(self.type_map))] for k in range(self.members)]

    def close(self):
        if self._handle:
            _lib.alnd_close(self._handle)
            self._handle = ctypes.c_void_p()

    def __del__(self):
        if getattr(self, '_handle', None) and _lib is not None:
            self.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def types(self, symbols):
        """Type numbers of element symbols."""
        try:
            return np.array([self.type_map.index(s) for s in symbols], dtype=np.intc)
        except ValueError:
            missing = sorted(set(symbols) - set(self.type_map))
            raise AlndError(1, f'the model knows {" ".join(self.type_map)}, not {" ".join(missing)}') from None

    def _run(self, member, positions, types, symbols, call, atoms):
        if not self._handle:
            raise ValueError('the model is closed')
        x = np.ascontiguousarray(positions, dtype=np.float64).reshape(-1, 3)
        n = len(x)
        if (types is None) == (symbols is None):
            raise ValueError('give types or symbols')
        t = self.types(symbols) if types is None else np.ascontiguousarray(types, dtype=np.intc)
        if t.shape != (n,):
            raise ValueError(f'{n} positions, {t.size} types')
        m = self.members if member == _ALL else 1
        out = [np.zeros((m,) + shape) for shape in [(), (n, 3), (3, 3)] + ([(n,), (n, 3, 3)] if atoms else [])]
        result = _Result(*[a.ctypes.data for a in out])
        _check(call(n, x, t, ctypes.byref(result)))
        if member == _ALL:
            return Result(*out)
        return Result(float(out[0][0]), *[a[0] for a in out[1:]])

    def _own(self, member, positions, types, symbols, cell, atoms):
        h = None if cell is None else _doubles(cell, (3, 3))

        def call(n, x, t, result):
            return _lib.alnd_eval(self._handle, member, n, x.ctypes.data, t.ctypes.data,
                                  None if h is None else h.ctypes.data, result)
        return self._run(member, positions, types, symbols, call, atoms)

    def evaluate(self, positions, types=None, symbols=None, cell=None, member=0, atoms=False):
        """One member's Result. cell: rows a, b, c, or None: not periodic. atoms: per-atom energies and virials too.
        A negative type stands for an atom that is not there."""
        return self._own(member, positions, types, symbols, cell, atoms)

    def evaluate_all(self, positions, types=None, symbols=None, cell=None, atoms=False):
        """Every member's results: arrays with a first axis of members."""
        return self._own(_ALL, positions, types, symbols, cell, atoms)

    def evaluate_list(self, positions, types, centres, neighbours, member=0, atoms=False):
        """With the caller's full neighbour list: neighbours[k] are the atoms around centres[k]; periodic images are
        atoms of their own (ghosts), and get forces of their own."""
        centres = np.ascontiguousarray(centres, dtype=np.intc)
        lists = [np.ascontiguousarray(v, dtype=np.intc) for v in neighbours]
        if len(lists) != len(centres):
            raise ValueError(f'{len(centres)} centres, {len(lists)} lists of neighbours')
        count = np.array([len(v) for v in lists], dtype=np.intc)
        pointers = (ctypes.c_void_p * max(len(lists), 1))(*[v.ctypes.data for v in lists])
        nl = _List(len(centres), centres.ctypes.data, count.ctypes.data,
                   ctypes.cast(pointers, ctypes.c_void_p), 0)

        def call(n, x, t, result):
            return _lib.alnd_eval_list(self._handle, member, n, x.ctypes.data, t.ctypes.data, ctypes.byref(nl), result)
        return self._run(member, positions, types, None, call, atoms)

    def deviation(self, positions, types=None, symbols=None, cell=None):
        """(Deviation, Result of all members) of a committee."""
        r = self.evaluate_all(positions, types, symbols, cell)
        return deviation_of(r), r


def deviation_of(result):
    """Deviation of the Result of Model.evaluate_all."""
    m, n = result.forces.shape[:2]
    f = _doubles(result.forces, (m, n, 3))
    e, v = _doubles(result.energy, (m,)), _doubles(result.virial, (m, 9))
    d, atom = _Deviation(), np.zeros(n)
    _check(_lib.alnd_deviation_of(m, n, e.ctypes.data, f.ctypes.data, v.ctypes.data, ctypes.byref(d),
                                  atom.ctypes.data))
    return Deviation(*[getattr(d, name) for name, _ in _Deviation._fields_], atom)
