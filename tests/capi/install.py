#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""What `cmake --install` leaves, used as a stranger would: the example built with pkg-config (C99, strict) and with find_package
(C++11), both giving the same numbers; only the API is exported; no rpath into the build tree; the Python module finds
the library from where it lies.

install.py BUILD_DIR SOURCE_DIR MAKE_MODELS"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

BUILD, SOURCE, MAKE = (os.path.abspath(p) for p in sys.argv[1:4])

CMAKE = """cmake_minimum_required(VERSION 3.16)
project(stranger CXX)
find_package(alnd 0.1 REQUIRED)
add_executable(evaluate evaluate.cpp)
target_compile_features(evaluate PRIVATE cxx_std_11)
target_compile_options(evaluate PRIVATE -Wall -Wextra -Wpedantic -Werror)
target_link_libraries(evaluate PRIVATE alnd::alnd)
"""


def fail(text):
    print('FAIL:', text)
    sys.exit(1)


def run(*command, **more):
    p = subprocess.run(command, capture_output=True, text=True, **more)
    if p.returncode:
        fail(f'{" ".join(command)}: {p.returncode}\n{p.stdout}{p.stderr}')
    return p.stdout


def exported(path):
    return {line.split()[-1].split('@')[0] for line in run('nm', '-D', '--defined-only', path).splitlines()}


def check_library(prefix):
    lib = os.path.dirname(glob.glob(prefix + '/lib*/**/libalnd.so.0', recursive=True)[0])
    declared = set(re.findall(r'\b(alnd_\w+)\(', open(prefix + '/include/alnd.h').read()))
    names = exported(lib + '/libalnd.so') - {'ALND_0'}
    if names != declared or len(names) < 12:
        fail(f'exported {sorted(names)}, declared {sorted(declared)}')
    names = exported(lib + '/alnd/libdeepmd_c.so')
    strange = [n for n in names if not n.startswith('DP_')]
    if strange or len(names) < 77:
        fail(f'libdeepmd_c.so exports {strange}, {len(names)} in all')
    for f, soname in ((lib + '/libalnd.so', 'libalnd.so.0'), (lib + '/alnd/libdeepmd_c.so', 'libdeepmd_c.so')):
        dynamic = run('readelf', '-d', f)
        if f'[{soname}]' not in dynamic or BUILD in dynamic:
            fail(f + dynamic)
        if 'not found' in run('ldd', f):
            fail(run('ldd', f))
    return lib


def main(d):
    prefix = os.path.join(d, 'prefix with space')
    run('cmake', '--install', BUILD, '--prefix', prefix)
    moved = os.path.join(d, 'moved')  # pkg-config and CMake files must not know the prefix by heart
    shutil.move(prefix, moved)
    lib = check_library(moved)
    run(MAKE, d, '2')
    models = [os.path.join(d, f'{k}.dp') for k in range(2)]
    example = moved + '/share/alnd/examples/evaluate.c'
    flags = run('pkg-config', '--cflags', '--libs', 'alnd',
                env=dict(os.environ, PKG_CONFIG_PATH=lib + '/pkgconfig')).split()
    run('cc', '-std=c99', '-Wall', '-Wextra', '-Wpedantic', '-Werror', example, *flags, '-Wl,-rpath,' + lib,
        '-o', os.path.join(d, 'evaluate'))
    out = run(os.path.join(d, 'evaluate'), *models)
    if out.count(' eV\n') != 2 or out.count('eV/Ang') != 6:
        fail(out)
    bad = subprocess.run([os.path.join(d, 'evaluate'), '/nowhere.dp'], capture_output=True, text=True)
    if bad.returncode != 2 or '/nowhere.dp' not in bad.stderr:
        fail(bad.stderr)
    if shutil.which('c++'):
        os.makedirs(d + '/cxx')
        shutil.copy(example, d + '/cxx/evaluate.cpp')
        with open(d + '/cxx/CMakeLists.txt', 'w') as f:
            f.write(CMAKE)
        run('cmake', '-S', d + '/cxx', '-B', d + '/cxx/build', '-DCMAKE_PREFIX_PATH=' + moved)
        run('cmake', '--build', d + '/cxx/build')
        if run(d + '/cxx/build/evaluate', *models) != out:
            fail('the C++ program gives other numbers')
    else:
        print('no C++ compiler: C++ is not tried')
    code = f'import alnd; print(alnd.library_path, alnd.Model({models[0]!r}).type_map)'
    env = {k: v for k, v in os.environ.items() if k != 'ALND_LIBRARY'}
    if subprocess.run([sys.executable, '-c', 'import numpy'], capture_output=True).returncode:
        print('no numpy: the Python module is not tried')
        return
    package = glob.glob(moved + '/**/alnd/__init__.py', recursive=True)[0]  # where ALND_PYTHON_DIR puts it
    text = run(sys.executable, '-c', code, env=dict(env, PYTHONPATH=os.path.dirname(os.path.dirname(package))))
    if not text.startswith(lib) or "['Li', 'P', 'S', 'O']" not in text:
        fail(text)


with tempfile.TemporaryDirectory(prefix='alnd-install-') as top:
    main(os.path.realpath(top))
