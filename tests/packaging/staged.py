#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""`cmake --install` as packagers use it (DESTDIR), then moved elsewhere: the programs find each other, the worker, the drop-in and the
pseudopotentials of the prefix, and label a frame; man pages, completion, configurations and documentation lie where they are looked
for; nothing points into the build tree. The library, its header, pkg-config and CMake files: tests/capi/install.py.

staged.py BUILD_DIR SOURCE_DIR"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

BUILD, SOURCE = (os.path.abspath(p) for p in sys.argv[1:3])
FILES = ['bin/alnd', 'bin/alnd-worker', 'bin/alnd-lmp', 'include/alnd.h', 'lib*/**/libalnd.so.0', 'lib*/**/alnd/libdeepmd_c.so',
         'lib*/**/pkgconfig/alnd.pc', 'lib*/**/cmake/alnd/alndConfig.cmake', '**/alnd/ase.py', 'share/alnd/configs/quick.yaml',
         'share/alnd/configs/structures/beta.extxyz', 'share/alnd/examples/evaluate.c', 'share/alnd/fetch-pseudopotentials',
         'share/doc/alnd/README.md', 'share/doc/alnd/LICENSE', 'share/doc/alnd/copyright', 'share/doc/alnd/docs/commands.md', 'share/man/man1/alnd.1.gz',
         'share/man/man1/alnd-worker.1.gz', 'share/man/man1/alnd-lmp.1.gz', 'share/man/man5/loop.yaml.5.gz',
         'share/bash-completion/completions/alnd', 'share/zsh/*/_alnd', 'share/fish/vendor_completions.d/alnd.fish']


def fail(text):
    print('FAIL:', text)
    sys.exit(1)


def run(*command, **more):
    p = subprocess.run(command, capture_output=True, text=True, check=False, **more)
    if p.returncode:
        fail(f'{" ".join(command)}: {p.returncode}\n{p.stdout}{p.stderr}')
    return p.stdout


def config(d, name, pseudopotentials):
    with open(SOURCE + '/tests/system/mini.yaml', encoding='utf-8') as f:
        text = f.read()
    new = text.replace('pseudopotentials: SPMS', 'pseudopotentials: ' + pseudopotentials)
    if new == text:
        fail('mini.yaml names no pseudopotentials')
    with open(os.path.join(d, name + '.yaml'), 'w', encoding='utf-8') as f:
        f.write(new)


def check_links(prefix):
    """Links between the installed documents."""
    for page in glob.glob(prefix + '/share/doc/alnd/**/*.md', recursive=True):
        for target in re.findall(r'\]\(([^)#:]+)(?:#[^)]*)?\)', open(page, encoding='utf-8').read()):
            there = os.path.join(os.path.dirname(page), target)
            if not os.path.exists(there) and not target.startswith('../'):
                fail(f'{page}: no {target}')


def label(d, prefix, env, name, **more):
    out = os.path.join(d, name + '.extxyz')
    p = subprocess.run([prefix + '/bin/alnd', 'label', 'li2s.extxyz', '--config', name + '.yaml', '--cores', '1', '--out', out], cwd=d, text=True,
                       capture_output=True, env=dict(env, **more), check=False)
    if p.returncode or 'energy=' not in open(out, encoding='utf-8').read():
        fail(f'alnd label with {name}: {p.returncode}\n{p.stdout}{p.stderr}')


def main(d):
    stage = os.path.join(d, 'stage')
    run('cmake', '--install', BUILD, '--prefix', '/opt/alnd', env=dict(os.environ, DESTDIR=stage))
    strange = os.listdir(stage) + os.listdir(stage + '/opt')
    if strange != ['opt', 'alnd']:
        fail(f'installed outside the prefix: {strange}')
    prefix = os.path.join(d, 'elsewhere')
    shutil.move(stage + '/opt/alnd', prefix)
    for f in FILES:
        if not glob.glob(os.path.join(prefix, f), recursive=True):
            fail('not installed: ' + f)
    check_links(prefix)
    for f in ('alnd', 'alnd-worker'):
        if 'RPATH' in run('readelf', '-d', f'{prefix}/bin/{f}') or 'RUNPATH' in run('readelf', '-d', f'{prefix}/bin/{f}'):
            fail(f + ' has an rpath')
        if 'not found' in run('ldd', f'{prefix}/bin/{f}'):
            fail(run('ldd', f'{prefix}/bin/{f}'))

    env = {'PATH': prefix + '/bin:/usr/bin:/bin', 'HOME': d, 'OMPI_ALLOW_RUN_AS_ROOT': '1', 'OMPI_ALLOW_RUN_AS_ROOT_CONFIRM': '1',
           'OMP_NUM_THREADS': '1', 'OPENBLAS_NUM_THREADS': '1', 'LC_ALL': 'C.UTF-8'}
    if 'alnd start' not in run('alnd', 'help', env=env) or 'label.cutoff' not in run('alnd', 'describe', 'label', env=env):
        fail('help, describe')
    preload = run(prefix + '/bin/alnd-lmp', env=dict(env, ALND_LMP='/usr/bin/env'))
    library = re.search(r'^LD_PRELOAD=(.*)$', preload, re.M)
    if not library or os.path.realpath(library[1]) not in (os.path.realpath(p) for p in glob.glob(prefix + '/**/libdeepmd_c.so', recursive=True)):
        fail('alnd-lmp takes ' + preload)
    if shutil.which('man'):
        text = run('man', '-M', prefix + '/share/man', 'alnd', env=env)
        if 'ALND(1)' not in text or 'loop.yaml(5)' not in text:
            fail('man alnd: ' + text)

    shutil.copy(SOURCE + '/tests/system/li2s.extxyz', d)
    config(d, 'builtin', 'GTH-PBE')
    label(d, prefix, env, 'builtin')
    spms = SOURCE + '/.alnd/pseudo/SPMS'
    if not os.path.isdir(spms):
        print('no SPMS (./setup.sh build fetches it): sets of the prefix are not tried')
        return
    shutil.copytree(spms, prefix + '/share/alnd/pseudo/ofPrefix')
    config(d, 'prefix', 'ofPrefix')
    label(d, prefix, env, 'prefix')


with tempfile.TemporaryDirectory(prefix='alnd-staged-') as top:
    main(os.path.realpath(top))
