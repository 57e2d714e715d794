#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""badyaml.py BIN_DIR SOURCE_DIR

Every kind of bad loop.yaml against `alnd start` and `alnd plan`: one short error that names the file and, where the fault is in its
text, line and column; exit 2; within a second; nothing created."""
import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time

BIN, SOURCE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
ALND = os.path.join(BIN, 'alnd')
HERE = os.path.join(SOURCE, 'tests/system')
SLOW = 5.0 if os.environ.get('ALND_SANITIZED') else 1.0  # s
with open(os.path.join(HERE, 'mini.yaml')) as source:
    GOOD = source.read().replace("test: {frames: 3, supercell: [2, 1, 1]}", "test: {frames: 2}")

# What the message must hold, and a change of mini.yaml: (old, new), or a whole text, or bytes.
CASES = {
    # types
    'int-word': ('committee: two|two', ('committee: 2', 'committee: two')),
    'int-real': ('2.5', ('committee: 2', 'committee: 2.5')),
    'int-list': ('committee', ('committee: 2', 'committee: [2, 3]')),
    'int-map': ('committee', ('committee: 2', 'committee: {a: 1}')),
    'int-empty': ('committee', ('committee: 2', 'committee:')),
    'int-null': ('committee', ('committee: 2', 'committee: ~')),
    'int-huge': ('committee', ('committee: 2', 'committee: 99999999999999999999')),
    'int-hex': ('0x10', ('committee: 2', 'committee: 0x10')),
    'bool-yes': ('true nor false', ('demonstration: true', 'demonstration: maybe')),
    'seed-negative': ('seed', ('seed: 4711', 'seed: -1')),
    'seed-word': ('seed', ('seed: 4711', 'seed: random')),
    'list-scalar': ('neurons', ('neurons: [4, 8]', 'neurons: {a: 4}')),
    'list-empty': ('neurons', ('neurons: [4, 8]', 'neurons: []')),
    'list-long': ('more than', ('neurons: [4, 8]', 'neurons: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]')),
    'three-two': ('supercell', ('supercell: [1, 1, 1]', 'supercell: [1, 1]')),
    'section-scalar': ('map of keys', ('test: {frames: 2}', 'test: 3')),
    'section-list': ('map of keys', ('test: {frames: 2}', 'test: [frames, 2]')),
    'systems-map': ('systems', ('  - {name: Li2S, structure: li2s.extxyz}', '  name: Li2S')),
    'systems-empty': ('systems', ('\n  - {name: Li2S, structure: li2s.extxyz}', ' []')),
    'system-scalar': ('map of keys', ('  - {name: Li2S, structure: li2s.extxyz}', '  - Li2S')),
    'choice': ('nvt', ('explore: {', 'explore: {ensemble: warm, ')),
    # units
    'unit-missing': ('unit', ('time: 2 ps', 'time: 2')),
    'unit-wrong': ('fs', ('cutoff: 8 Ha', 'cutoff: 8 fs')),
    'unit-unknown': ('parsec', ('rcut: 4.0 Ang', 'rcut: 4.0 parsec')),
    'unit-twice': ('Ang', ('rcut: 4.0 Ang', 'rcut: 4.0 Ang Ang')),
    'escape': ('frames', ('frames: 2', 'frames: "\\e[2J"')),
    'number-nan': ('rcut', ('rcut: 4.0 Ang', 'rcut: .nan Ang')),
    'number-nan2': ('rcut', ('rcut: 4.0 Ang', 'rcut: nan Ang')),
    'number-inf': ('rcut', ('rcut: 4.0 Ang', 'rcut: inf Ang')),
    'number-overflow': ('rcut', ('rcut: 4.0 Ang', 'rcut: 1e999 Ang')),
    'number-comma': ('rcut', ('rcut: 4.0 Ang', 'rcut: "4,0 Ang"')),
    # ranges and relations
    'range-low': ('outside', ('committee: 2', 'committee: 1')),
    'range-high': ('outside', ('rcut: 4.0 Ang', 'rcut: 400 Ang')),
    'range-temperature': ('outside', ('temperatures: [300 K, 500 K], time: 2 ps', 'temperatures: [-300 K], time: 2 ps')),
    'relation-trust': ('trust', ('low: 0.001 eV/Ang', 'low: 30 eV/Ang')),
    'relation-rate': ('learning_rate', ('stop: 1e-5', 'stop: 1e-1')),
    'relation-rcut': ('rcut_smooth', ('rcut_smooth: 0.5 Ang', 'rcut_smooth: 5 Ang')),
    'relation-iterations': ('iterations', ('min_iterations: 2', 'min_iterations: 5')),
    # sections and keys
    'key-unknown': ("did you mean 'committee'", ('committee:', 'comittee:')),
    'section-unknown': ('unknown key', ('test:', 'tests:')),
    'key-missing': ('structure', (', structure: li2s.extxyz', '')),
    'workdir-missing': ('workdir', ('workdir: run\n', '')),
    'workdir-empty': ('workdir', ('workdir: run', 'workdir: ""')),
    'key-duplicate': ('already set', ('committee: 2', 'committee: 2\n  committee: 3')),
    'section-duplicate': ('already set', ('test: {frames: 2}', 'test: {frames: 2}\ntest: {frames: 3}')),
    'system-duplicate': ('two systems', ('  - {name: Li2S, structure: li2s.extxyz}', '  - {name: A, structure: li2s.extxyz}\n' * 2)),
    'key-dotted': ('unknown key', ('test: {frames: 2}', 'test.frames: 2')),
    'key-list': ('key', ('test: {frames: 2}', '? [a, b]\n: 3')),
    'key-long': ('unknown key', ('test:', 'k' * 900 + ':')),
    'key-merge': ('key|anchor', ('test: {frames: 2}', '<<: {frames: 2}')),
    'keys-many': ('more than|unknown key', GOOD + ''.join(f'k{i}: 1\n' for i in range(90000))),
    # YAML itself
    'tabs': ('mini', ('  committee: 2', '\tcommittee: 2')),
    'indent': ('mini', ('  committee: 2', ' committee: 2')),
    'bracket': ('mini', ('train:', 'train: [')),
    'quote': ('mini', ('name: mini', 'name: "mini')),
    'two-documents': ('one document', GOOD + '---\n' + GOOD),
    'empty': ('empty', ''),
    'comment': ('empty|map', '# nothing\n'),
    'scalar': ('map of keys', 'hello\n'),
    'list': ('map of keys', '- 1\n- 2\n'),
    'null': ('map of keys', '~\n'),
    'anchor': ('anchors', ('test: {frames: 2}', 'test: &t {frames: 2}')),
    'alias': ('aliases|anchors', ('test: {frames: 2}', 'test: *t')),
    'tag': ('tags|map', ('name: mini', 'name: !!python/object/apply:os.system mini')),
    'alias-bomb': ('anchors', 'a: &a [x,x,x,x,x,x,x,x,x]\n' + ''.join(
        f'{chr(98 + i)}: &{chr(98 + i)} [{",".join(["*" + chr(97 + i)] * 9)}]\n' for i in range(20))),
    'nested-flow': ('nested deeper', 'name: ' + '[' * 20000 + ']' * 20000 + '\n'),
    'nested-map': ('nested deeper', 'name: ' + '{a: ' * 20000 + '1' + '}' * 20000 + '\n'),
    'nested-block': ('nested deeper', ''.join(' ' * i + 'a:\n' for i in range(1000))),
    'nested-dash': ('nested deeper', 'name:\n ' + '- ' * 20000 + '1\n'),
    'open-flow': ('mini', 'name: ' + '[' * 1000000),
    'garbage': ('mini', bytes((i * 7919 + i // 251 * 31) % 256 for i in range(65536))),
    'zeros': ('mini', bytes(65536)),
    'nul': ('mini', GOOD.encode().replace(b'name: mini', b'name: mi\0ni')),
    'nul-escaped': ('NUL', ('name: mini', 'name: "mi\\0ni"')),
    'latin1': ('UTF-8', GOOD.encode().replace(b'mini', b'm\xfcni', 1)),
    'utf16': ('mini', GOOD.encode('utf-16')),
    'elf': ('mini', open(ALND, 'rb').read(100000)),
    'long-line': ('name', ('name: mini', 'name: ' + 'x' * 1000000)),
    'values-many': ('name|more than', 'name: [' + '1,' * 500000 + ']\n'),
    # names
    'name-climbs': ('letters', ('name: Li2S,', 'name: ../../x,')),
    'name-absolute': ('letters', ('name: Li2S,', 'name: /tmp/x,')),
    'name-dot': ('letters', ('name: Li2S,', 'name: .hidden,')),
    'name-option': ('letters', ('name: Li2S,', 'name: -rf,')),
    'name-shell': ('letters', ('name: Li2S,', 'name: "$(touch pwned)",')),
    'name-backtick': ('letters', ('name: mini', 'name: "`touch pwned`"')),
    'name-semicolon': ('letters', ('name: mini', 'name: "x; touch pwned"')),
    'name-newline': ('letters', ('name: mini', 'name: "x\\ny"')),
    'name-gather': ('gather', ('name: Li2S,', 'name: gather,')),
    'name-long': ('longer', ('name: mini', 'name: ' + 'x' * 64)),
    'structure-climbs': ('li2s|structure', ('structure: li2s.extxyz', 'structure: ../../../../../../etc/passwd')),
    'structure-shell': ('structure', ('structure: li2s.extxyz', 'structure: "$(touch pwned).extxyz"')),
    'structure-pipe': ('structure', ('structure: li2s.extxyz', 'structure: "|touch pwned"')),
    'structure-missing': ('none.extxyz', ('structure: li2s.extxyz', 'structure: none.extxyz')),
    'structure-directory': ('structure', ('structure: li2s.extxyz', 'structure: .')),
    'structure-device': ('structure', ('structure: li2s.extxyz', 'structure: /dev/zero')),
    'structure-fifo': ('structure', ('structure: li2s.extxyz', 'structure: fifo.extxyz')),
    'pseudo-shell': ('pseudopotential', ('pseudopotentials: SPMS', 'pseudopotentials: "$(touch pwned)"')),
    'pseudo-climbs': ('pseudopotential', ('pseudopotentials: SPMS', 'pseudopotentials: ../../../etc')),
    'pseudo-fifo': ('pseudopotential|fifo', ('pseudopotentials: SPMS', 'pseudopotentials: {Li: ./fifo.psp8, S: ./fifo.psp8}')),
    'functional-shell': ('functional|label', ('label: {', 'label: {functional: "PBE; touch pwned", ')),
    'element': ('element', ('structure: li2s.extxyz}', 'structure: li2s.extxyz, substitute: {from: Xx, to: O, count: 1}}')),
    'element-count': ('substitute', ('structure: li2s.extxyz}', 'structure: li2s.extxyz, substitute: {from: S, to: O, count: 7}}')),
    'workdir-taken': ('no run directory', ('workdir: run', 'workdir: taken')),
    'workdir-file': ('mini|directory', ('workdir: run', 'workdir: li2s.extxyz')),
    'workdir-root': ('no run directory', ('workdir: run', 'workdir: /')),
}
NO_PLACE = ('workdir-taken', 'workdir-file', 'workdir-root')  # the text of the file is right


def tree(d):
    return sorted((os.path.join(p, n), os.lstat(os.path.join(p, n)).st_size) for p, ds, fs in os.walk(d) for n in ds + fs)


def limits():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def refused(d, name, command, arg, wanted, place):
    before, t0 = tree(d), time.time()
    try:
        p = subprocess.run([ALND, command, arg], cwd=d, capture_output=True, timeout=20, stdin=subprocess.DEVNULL, preexec_fn=limits)
    except subprocess.TimeoutExpired:
        return 'hangs'
    took, err = time.time() - t0, p.stderr.decode('utf-8', 'replace')
    if p.returncode != 2:
        return f'exit {p.returncode}, not 2: {err[:300]}'
    if took > SLOW:
        return f'takes {took:.2f} s'
    if tree(d) != before:
        return f'something was created: {sorted(set(tree(d)) - set(before))}'
    lines = [line for line in err.splitlines() if not line.startswith('hint: ')]
    if len(lines) != 1 or not lines[0].startswith('alnd: ') or len(err) > 1200:
        return f'not one short error: {err[:600]}'
    if p.stdout:
        return f'says on stdout: {p.stdout[:200]}'
    if place and not re.search(r'(^alnd: |/)' + re.escape(os.path.basename(arg)) + r':\d+:\d+: \S', lines[0]):
        return f'no file, line and column: {lines[0]}'
    if not re.search(wanted, lines[0] + err):
        return f'"{wanted}" is not in: {err}'
    return None


def special(d):
    """Things that are no text file at all: (name, argument, wanted)."""
    os.mkdir(os.path.join(d, 'dir.yaml'))
    os.mkfifo(os.path.join(d, 'fifo.yaml'))
    with open(os.path.join(d, 'large.yaml'), 'w') as f:
        f.write('name: x\n' * (100 << 17))  # 100 MiB
    os.symlink('loop.yaml', os.path.join(d, 'loop.yaml'))
    s = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    os.chdir(d)
    s.bind('sock.yaml')
    os.chdir(here)
    return [('directory', 'dir.yaml', 'no run directory|not a regular file'), ('fifo', 'fifo.yaml', 'not a regular file'),
            ('large', 'large.yaml', 'larger than'), ('loop', 'loop.yaml', 'symbolic'), ('socket', 'sock.yaml', 'not a regular file'),
            ('device', '/dev/zero', 'not a regular file'), ('terminal', '/dev/tty', 'not a regular file'),
            ('absent', 'absent.yaml', 'No such file'), ('proc', '/proc/self/mem', '/proc/self/mem'),
            ('long-path', 'x/' * 3000 + 'y.yaml', 'longer|too long'), ('option', '--yaml', 'unknown option')]


def main():
    top, bad = tempfile.mkdtemp(prefix='alnd-badyaml-'), []
    try:
        n = 0
        for name, (wanted, change) in CASES.items():
            d = os.path.join(top, name)
            os.makedirs(os.path.join(d, 'taken/thesis'))
            os.mkfifo(os.path.join(d, 'fifo.extxyz'))
            os.mkfifo(os.path.join(d, 'fifo.psp8'))
            shutil.copy(os.path.join(HERE, 'li2s.extxyz'), d)
            if isinstance(change, tuple):
                if change[0] not in GOOD:
                    bad.append(f'{name}: "{change[0]}" is not in mini.yaml')
                change = GOOD.replace(*change)
            with open(os.path.join(d, 'mini.yaml'), 'wb') as f:
                f.write(change if isinstance(change, bytes) else change.encode())
            for command in ('start', 'plan'):
                if command == 'plan' and name in NO_PLACE:
                    continue  # a plan needs no directory
                why = refused(d, name, command, 'mini.yaml', wanted, name not in NO_PLACE)
                n += 1
                if why:
                    bad.append(f'{name}: alnd {command}: {why}')
        d = os.path.join(top, 'special')
        os.mkdir(d)
        for name, arg, wanted in special(d):
            for command in ('start', 'plan'):
                why = refused(d, name, command, arg, wanted, False)
                n += 1
                if why:
                    bad.append(f'{name}: alnd {command}: {why}')
    finally:
        shutil.rmtree(top, ignore_errors=True)
    print('\n'.join(bad))
    print(f'{n} calls, {len(bad)} wrong')
    sys.exit(1 if bad else 0)


main()
