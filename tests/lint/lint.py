#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""Checks of the source tree that no compiler makes:

layers    who may include whom (the table in docs/ARCHITECTURE.md is read and enforced)
headers   each third-party header is included in one or two files only
sizes     files of at most 600 lines, functions of at most 100
licence   the two lines at the top of every source file
exits     exit() and abort() in main programs only
shells    no system(), popen() and the like outside tests; exec in the files that are known to start programs only

Usage: lint.py SOURCE_DIR CHECK...   exit 1 and a line for each finding."""
import os
import re
import sys

ROOT = sys.argv[1]
ROOMS = {  # directory -> name used in #include "name/..."
    'engines/base': 'base', 'engines/seam': 'seam', 'engines/comm': 'comm', 'engines/dft': 'dft',
    'engines/md': 'md', 'engines/lammps': 'lammps', 'engines/codes': 'codes', 'engines/domain': 'domain',
    'engines/transport': 'transport', 'learn/dp': 'dp', 'learn/train': 'train', 'learn/deepmd': 'deepmd',
    'learn/committee': 'committee', 'learn/capi': 'capi', 'learn/dropin': 'dropin', 'daemon/config': 'config',
    'daemon/core': 'core', 'daemon/report': 'report', 'daemon/cli': 'cli', 'daemon/worker': 'worker',
}
findings = []


def sources(*ends):
    for top in ('engines', 'learn', 'daemon', 'include', 'python', 'examples', 'tests'):
        for path, dirs, files in os.walk(os.path.join(ROOT, top)):
            dirs.sort()
            for f in sorted(files):
                if f.endswith(ends):
                    yield os.path.relpath(os.path.join(path, f), ROOT)


def read(path):
    with open(os.path.join(ROOT, path), encoding='utf-8') as f:
        return f.read()


def room_of(path):
    return ROOMS.get(os.path.dirname(path))


def allowed_edges():
    """The table of docs/ARCHITECTURE.md: | `room` | may use | ..."""
    edges = {}
    for line in read('docs/ARCHITECTURE.md').splitlines():
        m = re.match(r'\|\s*`([a-z]+)`\s*\|\s*([a-z, \-]*)\|', line)
        if m:
            edges[m.group(1)] = set(re.findall(r'[a-z]+', m.group(2)))
    return edges


def check_layers():
    edges = allowed_edges()
    for room in ROOMS.values():
        if room not in edges:
            findings.append(f'docs/ARCHITECTURE.md: no row for room {room}')
    for path in sources('.c', '.h'):
        room = room_of(path)
        if not room:
            continue
        for n, line in enumerate(read(path).splitlines(), 1):
            m = re.match(r'\s*#\s*include\s+"([a-z0-9]+)/', line)
            if m and m.group(1) != room and m.group(1) not in edges.get(room, set()):
                findings.append(f'{path}:{n}: {room} may not include {m.group(1)}/')
            if re.match(r'\s*#\s*include\s+"[^/]+"', line):
                findings.append(f'{path}:{n}: include headers as "room/file.h"')
    # no cycles
    def visit(room, seen):
        for to in edges.get(room, ()):
            if to in seen:
                findings.append(f'docs/ARCHITECTURE.md: cycle {" -> ".join(seen + [to])}')
            else:
                visit(to, seen + [to])
    for room in edges:
        visit(room, [room])


THIRD_PARTY = r'(mpi|expat|fftw3|xc|cblas|lapacke|yaml|sqlite3|hdf5|jansson|spglib|microhttpd|nettle/\w+)\.h'


def check_headers():
    users = {}
    for path in sources('.c', '.h'):
        if path.startswith('tests/'):
            continue
        for m in re.finditer(r'#\s*include\s+<' + THIRD_PARTY + '>', read(path)):
            users.setdefault(m.group(1), []).append(path)
    for header, paths in sorted(users.items()):
        if len(paths) > 2:
            findings.append(f'<{header}.h> is included in {len(paths)} files: {" ".join(paths)}')
    if len(users) < 8:
        findings.append(f'headers: only {sorted(users)} found, the check is blind')


def functions(text):
    """(name, first line, lines) of each function: its body opens with { in column 0."""
    lines = text.splitlines()
    start = None
    for i, line in enumerate(lines):
        if line == '{' and start is None:
            start = i
        elif line.startswith('}') and start is not None:
            head = ' '.join(lines[max(0, start - 3):start])
            names = re.findall(r'(\w+)\s*\(', head)
            yield (names[0] if names else '?'), start + 1, i - start + 1
            start = None


def check_sizes():
    count = 0
    for path in sources('.c', '.h', '.py', '.sh'):
        text = read(path)
        n = text.count('\n')
        if n > 600:
            findings.append(f'{path}: {n} lines, more than 600')
        if path.endswith('.c'):
            for name, line, length in functions(text):
                count += 1
                if length > 100:
                    findings.append(f'{path}:{line}: {name} has {length} lines, more than 100')
    if count < 200:
        findings.append(f'sizes: only {count} functions found, the check is blind')


def check_licence():
    for path in sources('.c', '.h', '.py', '.sh', 'CMakeLists.txt'):
        first = read(path)[:300]
        if 'SPDX-License-Identifier: GPL-3.0-or-later' not in first or 'Copyright the alnd authors' not in first:
            findings.append(f'{path}: the licence lines are missing')


def check_exits():
    may = {'daemon/cli/main.c', 'daemon/worker/main.c'}
    for path in sources('.c'):
        if path.startswith('tests/') or path in may:
            continue
        for n, line in enumerate(read(path).splitlines(), 1):
            code = re.sub(r'//.*|"[^"]*"', '', line)
            if re.search(r'(?<![\w.>])(exit|abort)\s*\(', code):
                findings.append(f'{path}:{n}: exit or abort outside of a main program')


# argument vectors made there, never a text
STARTERS = {'daemon/core/exec_batch.c', 'daemon/core/exec_local.c', 'daemon/core/query.c', 'engines/base/child.c'}


def check_shells():
    seen = set()
    for path in sources('.c', '.h'):
        if path.startswith('tests/'):
            continue
        for n, line in enumerate(read(path).splitlines(), 1):
            code = re.sub(r'//.*', '', line)
            if re.search(r'(?<![\w.>])(system|popen|wordexp|posix_spawnp?|execlp?e?|dlopen)\s*\(', re.sub(r'"[^"]*"', '', code)):
                findings.append(f'{path}:{n}: a shell, or a program by a text: commands are argument vectors')
            if re.search(r'(?<![\w.>])(execv|execve|execvp|execvpe|fexecve)\s*\(', re.sub(r'"[^"]*"', '', code)):
                seen.add(path)
                if path not in STARTERS:
                    findings.append(f'{path}:{n}: starts a program; the files that may are {", ".join(sorted(STARTERS))}')
            if re.search(r'"(/bin/)?(sh|bash|dash|zsh|csh|ksh)"', code):
                findings.append(f'{path}:{n}: names a shell')
    if not seen:
        findings.append('shells: nothing starts a program, the check is blind')


CHECKS = {'layers': check_layers, 'headers': check_headers, 'sizes': check_sizes, 'licence': check_licence,
          'exits': check_exits, 'shells': check_shells}
for name in sys.argv[2:] or CHECKS:
    CHECKS[name]()
for f in findings:
    print(f)
sys.exit(1 if findings else 0)
