#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""The seeds of tests/fuzz/corpus, all of them of our own making: make_corpus.py SOURCE_DIR test_fuzz_corpus. Small on purpose: what a
fuzzer changes in a long table is seldom of interest. Files named bug-* are inputs that found a bug; those that are made here
are written here, the others are kept as they were found."""
import math
import os
import re
import struct
import subprocess
import sys

SOURCE, DRIVER = sys.argv[1], sys.argv[2]
TOP = os.path.join(SOURCE, 'tests/fuzz/corpus')


def put(reader, name, data):
    path = os.path.join(TOP, reader, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as f:
        f.write(data if isinstance(data, bytes) else data.encode())


def structures():
    put('extxyz', 'two', '2\nLattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3:forces:R:3 pbc="T T T" energy=-1.5 '
        'stress="1 2 3 4 5 6" frame_id=a tags=[1, 2] note="x \\" y"\nLi 0 0 0 .1 .2 .3\nS 1 1 1 0 0 0\n'
        '1\nvirial="1 0 0 0 1 0 0 0 1"\nO 0 0 0\n')
    put('extxyz', 'vel', '1\nProperties=Z:I:1:pos:R:3:vel:R:3:x:R:2 flag\n3 0 0 0 1e-3 0 0 5 6\n\n')
    put('extxyz', 'bug-columns-overflow', '1\nProperties=species:S:1:pos:R:9223372036854775807\nLi 0 0 0\n')
    put('extxyz', 'bug-keys-quadratic', '1\n' + ' '.join(f'k{i}=1' for i in range(1100)) + '\nLi 0 0 0\n')
    put('poscar', 'direct', 't\n1.0\n4 0 0\n0 4 0\n0 0 4\nLi S_pv\n1 2\nSelective dynamics\nDirect\n0 0 0 T T F\n.5 .5 .5\n.25 .25 .25\n')
    put('poscar', 'cartesian', 't\n-64\n1 0 0\n0 1 0\n0 0 1\nO\n1\nCartesian\n0 0 0\n')
    put('poscar', 'bug-counts', 't\n1\n4 0 0\n0 4 0\n0 0 4\n' + 'Li ' * 60 + '\n' + '10000000 ' * 60 + '\nDirect\n0 0 0\n')
    put('poscar', 'bug-infinite', 't\n1e300\n4e300 0 0\n0 4 0\n0 0 4\nLi\n1\nCartesian\n1e300 0 0\n')
    cell = '_cell_length_a 4\n_cell_length_b 5.0(1)\n_cell_length_c 6\n_cell_angle_alpha 90\n_cell_angle_beta 95\n_cell_angle_gamma 90\n'
    sites = 'loop_\n_atom_site_label\n_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n_atom_site_occupancy\n'
    ops = "loop_\n_symmetry_equiv_pos_as_xyz\n'x, y, z'\n'-x+1/2, y+.5, -z'\n"
    put('cif', 'two', 'data_x # c\n' + cell + ops + sites + 'Li1 Li 0 0 0 1\nS1 S2- .25 .3(2) .1 1.0\n_note\n;text\nblock\n;\n')
    put('cif', 'bug-infinite', 'data_x\n' + cell + "loop_\n_symmetry_equiv_pos_as_xyz\n'x+1e999,y,z'\n" + sites + 'Li1 Li 0 0 0 1\n')
    put('lammps', 'custom', 'ITEM: UNITS\nmetal\nITEM: TIMESTEP\n0\nITEM: TIME\n0.5\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS xy xz yz pp pp pp\n0 4 .1\n'
        '0 4 0\n0 4 0\nITEM: ATOMS id type element x y z ix iy iz\n2 1 S 1 1 1 0 0 1\n1 2 Li 0 0 0 0 0 0\n')
    put('lammps', 'scaled', 'ITEM: TIMESTEP\n10\nITEM: NUMBER OF ATOMS\n1\nITEM: BOX BOUNDS abc origin pp ff pp\n4 0 0 0\n0 4 0 0\n0 0 4 0\n'
        'ITEM: ATOMS id type xsu ysu zsu\n1 1 .5 .5 .5\nITEM: TIMESTEP\n20\nITEM: NUMBER OF ATOMS\n1\nITEM: BOX BOUNDS pp pp pp\n0 4\n0 4\n0 4\n'
        'ITEM: ATOMS id type xs ys zs\n1 1 .5 .5 .5\n')
    head = 'c\n1.0\n4 0 0\n0 4 0\n0 0 4\n'
    put('xdatcar', 'two', head + 'Li S/x\n1 1\nDirect configuration= 1\n0 0 0\n.5 .5 .5\nDirect configuration= 2\n0 0 .1\n.5 .5 .6\n')
    put('xdatcar', 'vasp4', head + '1 0 1\nKonfig= 1\n0 0 0\n.5 .5 .5\n' + head + '1 0 1\nDirect\n0 0 0\n.5 .5 .6\n')
    dcd()


def dcd():
    def record(b):
        return struct.pack('<i', len(b)) + b + struct.pack('<i', len(b))

    def head(nset, cell=1):
        c = [nset, 10, 5, nset * 5] + [0] * 5 + [struct.unpack('<i', struct.pack('<f', 0.0205))[0], cell] + [0] * 8 + [24]
        return record(b'CORD' + struct.pack('<20i', *c)) + record(struct.pack('<i', 1) + b'title'.ljust(80)) + record(struct.pack('<i', 3))

    def frame(x, box):
        return (record(struct.pack('<6d', *box)) if box else b'') + b''.join(record(struct.pack('<3f', x, x + 1, x + 2)) for _ in range(3))
    cosines, degrees, matrix = (4, 0, 5, 0.1, 0, 6), (4, 90, 5, 80, 90, 6), (4, -200, 5, .1, .1, 6)
    put('dcd', 'cosines', head(2) + frame(0, cosines) + frame(.1, cosines))
    put('dcd', 'angles', head(2) + frame(0, degrees) + frame(.1, matrix))
    put('dcd', 'nocell', head(1, 0) + frame(0, None))
    put('dcd', 'bug-negative', head(-5)[:-12] + record(struct.pack('<i', 3))[:2])
    put('dcd', 'bug-degrees', head(1) + frame(0, (4, 1e300, 5, 1e300, 1e300, 6)))


def settings():
    with open(os.path.join(SOURCE, 'tests/base/loop.yaml'), encoding='utf-8') as f:
        text = f.read()
    put('loop', 'quick', text)
    put('loop', 'label', 'label:\n  cutoff: 30 Ha\n  kpoints: {spacing: 0.3 1/Ang}\n  pseudopotentials: {Li: GTH-PBE-q3, S: x.psp8#a}\n'
        '  smearing: {kind: cold, width: 0.1 eV}\nresources: {cores: 2, label: {ranks: 2, memory: 1 GiB}, lammps: lmp}\n')
    put('yaml', 'kinds', 'a: 1\n"b": [x, {c: d}, \'e\']\nf: |\n  text\n  more\ng: >-\n  folded\n# comment\n? h\n: !t i\n')
    put('yaml', 'alias', 'a: &x [1]\nb: *x\n---\nc: d\n...\n')
    put('yaml', 'deep', '[' * 70 + ']' * 70)


def psp8(mmax=24, fchrg=0.0, extension=1):
    h = 0.5
    t = f'own Li\n 3.0 1.0 260101 zatom,zion\n 8 11 1 4 {mmax} 0 pspcod,...\n 2.0 {fchrg} 0.0 rchrg\n 1 1 0 0 0 nproj\n {extension} 0 extension_switch\n'
    for l in range(2):
        t += f' {l} 1.5E+00\n' + ''.join(f' {i + 1} {i * h:.2f} {math.exp(-i * h):.3f}\n' for i in range(mmax))
    t += ' 4\n' + ''.join(f' {i + 1} {i * h:.2f} {-1 / max(i * h, .5):.4f}\n' for i in range(mmax))
    for _ in range((fchrg > 0) + (extension == 1)):
        t += ''.join(f' {i + 1} {i * h:.2f} {math.exp(-i * h):.3f}\n' for i in range(mmax))
    return t


def upf(mesh=24, after=''):
    def table(tag, f, more='', n=mesh):
        return f'<{tag} {more}>\n' + ' '.join(f'{f(i):.4g}' for i in range(n)) + f'\n</{tag}>\n'
    t = '<UPF version="2.0.1">\n<PP_INFO> 1 < 2 </PP_INFO>\n<!-- c -->\n<PP_HEADER element="Li" pseudo_type="NC" z_valence="1.0" functional="PBE" '
    t += f'mesh_size="{mesh}" number_of_proj="1" is_paw="F"/>\n<PP_MESH>\n' + table('PP_R', lambda i: .5 * i) + table('PP_RAB', lambda i: .5) + '</PP_MESH>\n'
    t += table('PP_NLCC', lambda i: math.exp(-i)) + table('PP_LOCAL', lambda i: -2 / max(.5 * i, .5))
    t += table('PP_BETA.1', lambda i: math.exp(-i), 'angular_momentum="0" cutoff_radius_index="20"') + table('PP_DIJ', lambda i: 1.5, n=1)
    return t + table('PP_RHOATOM', lambda i: math.exp(-i)) + after + '</UPF>\n'


def pseudo():
    put('psp8', 'li', psp8())
    put('psp8', 'core', psp8(20, 1.0, 0))
    put('psp8', 'bug-numbers', psp8().replace(' 3.0 1.0', ' 1e300 1.0').replace(' 1 1 0 0 0', ' 1e30 1 0 0 0'))
    put('psp8', 'bug-code', psp8().replace(' 8 11 1 4', ' 1e99 11 1e99 4'))
    put('upf', 'li', upf())
    header = '<PP_HEADER element="Li" pseudo_type="NC" z_valence="1.0" mesh_size="{}" number_of_proj="{}"/>\n'
    put('upf', 'bug-second-header', upf(after=header.format(900000, 1)))
    put('upf', 'bug-second-header-proj', upf(after=header.format(24, 16) + ''.join(f'<PP_BETA.{i} angular_momentum="0">' + ' 1' * 24 + '</PP_BETA>\n'
                                                                                   for i in range(2, 17))))
    put('upf', 'bug-index', upf().replace('cutoff_radius_index="20"', 'cutoff_radius_index="-1e300"'))
    put('gth', 'li', '# own\nLi GTH-X-q3 GTH-X\n 3\n 0.4 4 -14.0 9.5 -1.7 0.08\n 0\nO GTH-X-q6\n 2 4\n 0.25 2 -16.7 2.5\n 2\n 0.22 1 18.3\n 0.21 2 1.0 0.1\n 2.0\n')
    put('gth', 'core', 'Mg GTH-NLCC-PBE-q2\n 2\n 0.57 1 -2.7\n NLCC 1\n 0.5 1 3.0\n 1\n 0.59 3 3.5 -.7 .1\n .9 .1\n .2\n')


def npy(descr="'<f8'", order='False', shape='(2, 3)', data=struct.pack('<6d', *range(6)), version=1, text=None):
    t = (text if text is not None else "{'descr': %s, 'fortran_order': %s, 'shape': %s, }" % (descr, order, shape)).encode('latin-1')
    t += b' ' * (-(len(t) + 11) % 64) + b'\n' if text is None else b''
    return b'\x93NUMPY' + bytes([version, 0]) + struct.pack('<H' if version == 1 else '<I', len(t)) + t + data


def arrays():
    put('npy', 'f8', npy())
    put('npy', 'f4', npy("'>f4'", data=struct.pack('>6f', *range(6))))
    put('npy', 'i8', npy("'<i8'", shape='(6,)', version=2, data=struct.pack('<6q', *range(6))))
    put('npy', 'u1', npy("'|u1'", shape='()', data=b'\x01'))
    put('npy', 'bug-shape-wraps', npy(shape='(1099511627776, 16777216)'))
    put('npy', 'bug-cut-type', npy(text="x" * 57 + "'descr'", data=b'') + b'')
    put('npy', 'bug-cut-quote', npy(text="x" * 53 + "'descr': '", data=b''))
    put('npy', 'bug-no-colon', npy(text="{'descr': '<f8', 'fortran_order'", data=b''))
    for d in ('dp', 'dp_tree'):
        os.makedirs(os.path.join(TOP, d), exist_ok=True)
    subprocess.run([DRIVER, '--seed-models', TOP], check=True)
    with open(os.path.join(TOP, 'dp_tree/model.json'), encoding='utf-8') as f:
        tree = f.read()
    for name, old, new in (('bug-axis', '"axis_neuron":1', '"axis_neuron":1e300'), ('bug-sel', '"sel":[2,2]', '"sel":[100000,100000]'),
                           ('bug-huge', '"neuron":[1,2]', '"neuron":[4096,4096,4096,4096,4096,4096,4096,4096]')):
        bad = tree.replace(old, new)
        assert bad != tree, name
        put('dp_tree', name, bad)


def qe_pieces():
    """The output of pw.x that its test has, by name."""
    with open(os.path.join(SOURCE, 'tests/codes/test_qe.c'), encoding='utf-8') as f:
        text = f.read()
    return {name: ''.join(re.findall(r'"((?:[^"\\]|\\.)*)"', body)).encode().decode('unicode_escape')
            for name, body in re.findall(r'^static const char (\w+)\[\] =(.*?);\n', text, re.S | re.M)}


def codes():
    """Outputs of other people's programs, in their form."""
    sys.path.insert(0, os.path.join(SOURCE, 'tests/codes'))
    import vasp_make as make
    symbols, cell, pos = ['Li', 'S'], [[4.0, 0, 0], [0.5, 4.0, 0], [0, 0, 4.0]], [[0, 0, 0], [2.0, 2.0, 1.9]]
    e, f, w = make.toy(cell, symbols, pos)
    step = (cell, pos, f, w, e, e)
    head = make.header(symbols, cell)
    put('outcar', 'two', head + make.outcar_step(1, *step, nscf=2, electrons=2.0) + make.outcar_step(2, *step, nscf=1, ended='unconverged') + make.footer())
    put('outcar', 'ml', head + make.outcar_step(1, *step, nscf=0, ml=True) + make.outcar_step(2, *step, nscf=1, pstress=5.0))
    put('outcar', 'touching', make.header(['Li'] * 1000 + ['S'] * 1000, cell, four=True))
    put('outcar', 'bug-no-equals', ' vasp.6\n   ions per type\n')
    put('vasprun', 'two', make.vasprun(symbols, [(*step, 2), (*step, 1)]))
    put('vasprun', 'pstress', make.vasprun(symbols, [(*step, 1)], pstress=5.0))
    piece = qe_pieces()
    put('qe', 'one', piece['head'] + piece['step1'] + piece['done'])
    put('qe', 'moved', piece['head'] + piece['step1'] + piece['moved'] + piece['step2'])
    cycle = (' ETOT  1  -21.4  -2.149E+01 7.2E-03\n ETOT  2  -22.0  -6.2E-01 1.1E-03\n At SCF step    2 vres2 = 1E-11 < tolvrs= 1E-10 =>converged.\n'
             '--- !ResultsGS\nlattice_vectors:\n- [  8.0,   0.0,   0.0, ]\n- [ -1.0,   7.0,   0.0, ]\n- [  0.0,   0.0,   6.0, ]\netotal    :  -2.2E+01\n'
             'cartesian_stress_tensor: # hartree/bohr^3\n- [ -1E-04,  2E-05,  0.0, ]\n- [  2E-05,  3E-04,  0.0, ]\n'
             '- [  0.0,  0.0,  4E-04, ]\nxred      :\n- [  0.0,  0.0,  0.0, Li]\n- [  4E-01,  5E-01,  5E-01,  S]\n...\n')
    head = ('.Version 9.6.2 of ABINIT \nelectrons: {nelect:   9.0E+00, charge:   0.0, occopt:   7.0E+00, tsmear:   1.0E-02, }\n')
    end = (' cartesian coordinates (angstrom) at end:\n 1 0.0 -0.25 0.0\n 2 2.0 2.0 2.0\n cartesian forces (hartree/bohr) at end:\n 1 -0.001 0.002 0.0\n'
           " 2 0.001 -0.002 0.0\n--- !EnergyTerms\n'-kT*entropy' : -5.0E-03\n...\n Calculation completed.\n")
    moved = (' Cartesian coordinates (xcart) [bohr]\n 0.0 0.0 -0.5\n 3.9 4.0 4.2\n Cartesian forces (fcart) [Ha/bohr]; max,rms= 4E-03\n -1E-03 2E-03 0.0\n'
             ' 1E-03 -2E-03 0.0\n Real space primitive translations (rprimd) [bohr]\n 8.0 0.0 0.0\n -1.0 7.0 0.0\n 0.0 0.0 6.0\n'
             ' Stress tensor in cartesian coordinates (strten) [Ha/bohr^3]\n 1E-4 0 0\n 0 1E-4 0\n 0 0 1E-4\n Total energy (etotal) [Ha]= -2.2E+01\n')
    put('abinit', 'one', head + cycle + end)
    put('abinit', 'moved', head + 2 * (cycle + moved) + end)
    put('abinit', 'unconverged', head + cycle.replace('At SCF step', 'nstep= 2 was not enough SCF cycles to converge') + end)
    head = (' CP2K| version string: CP2K version 2023.1\n CP2K| Input file name mine.inp\n GLOBAL| Project name proj\n GLOBAL| Run type %s\n'
            ' CELL| Vector a [angstrom]: 4.000 0.000 0.000 |a| = 4.0004\n CELL| Vector b [angstrom]: 1.000 5.000 0.000 |b| = 5.09902\n'
            ' CELL| Vector c [angstrom]: 0.000 0.000 3.000 |c| = 3.0\n CELL| Angle (b,c), alpha [degree]: 90.0\n CELL| Angle (a,c), beta  [degree]: 90.0\n'
            ' CELL| Angle (a,b), gamma [degree]: 78.690068\n MODULE QUICKSTEP: ATOMIC COORDINATES IN ANGSTROM\n\n Atom\n 1 1 Li 3 0.1 0.0 0.0 3.0 6.9\n'
            ' 2 2 S 16 2.1 2.1 -2.2 6.0 32.0\n\n')
    step = (' Number of electrons: 9\n *** SCF run converged in 14 steps ***\n Electronic entropic energy: -0.009\n'
            ' ENERGY| Total FORCE_EVAL ( QS ) energy [a.u.]: -24.8\n')
    old = ' ATOMIC FORCES in [a.u.]\n\n # Atom\n 1 1 Li -0.001 0.002 0.0\n 2 2 S 0.001 -0.002 0.0\n'
    new = ' FORCES| Atomic forces [hartree/bohr]\n FORCES| Atom x y z |f|\n FORCES| 1 -0.001 0.002 0.0 0.1\n FORCES| 2 0.001 -0.002 0.0 0.1\n'
    stress = ' STRESS| Analytical stress tensor [%s]\n STRESS|   x   y   z\n STRESS| x 1.0 0.5 0.0\n STRESS| y 0.5 2.0 0.0\n STRESS| z 0.0 0.0 -3.0\n'
    md = ' MD| Step number 1\n MD| Cell lengths [ang] 4.1 5.1 3.0\n MD| Cell angles [deg] 90.0 90.0 78.0\n'
    put('cp2k', 'one', head % 'ENERGY_FORCE' + step + old + stress % 'GPa' + ' **** PROGRAM ENDED AT\n')
    put('cp2k', 'later', head % 'ENERGY_FORCE' + ' *** WARNING in qs_scf.F:598 :: SCF run NOT converged ***\n' + step + new + stress % 'bar' + ' **** PROGRAM ENDED AT\n')
    put('cp2k', 'md', head % 'MD' + 2 * (step + old + stress % 'GPa' + md))


structures()
codes()
settings()
pseudo()
arrays()
