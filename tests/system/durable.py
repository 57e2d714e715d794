#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""durable.py BIN_DIR SOURCE_DIR

Power loss, by strace: SIGKILL alone would pass without any fsync. The tiny campaign (mini.yaml) and `alnd recover` run under strace;
the system calls of each process are replayed against a model of what a disk keeps: a file is safe after an fsync that follows its
last write, a name after an fsync of its directory. It must hold that
- what is renamed into place is safe before, and its directory is synced next;
- at every rename of a result.yaml or a checkpoint, and at every commit of the journal, all else that the process has written below
  RUN is safe, files and names;
- the journal's log is safe before a worker is started.
Every kind of artefact must have been met, and the replay must fail when the fsyncs are taken out of the trace.
Exit 77: skipped (no strace, ptrace not allowed, or no pseudopotentials)."""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

BIN, SOURCE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
ALND = os.path.join(BIN, 'alnd')
HERE = os.path.join(SOURCE, 'tests/system')
PSEUDO = os.environ.get('ALND_PSEUDO_DIR') or os.path.join(SOURCE, '.alnd/pseudo')
CALLS = ('openat,open,creat,write,pwrite64,writev,pwritev,pwritev2,ftruncate,truncate,fsync,fdatasync,rename,renameat,renameat2,mkdir,'
         'mkdirat,unlink,unlinkat,rmdir,link,linkat,symlink,symlinkat,copy_file_range,sendfile,fallocate,clone,clone3,fork,vfork,execve,chdir')
# Written and never needed again, or only a courtesy.
LOOSE = re.compile(r'(^|/)(worker\.log|alnd\.log|progress(\.tmp)?|heartbeat|lock|alnd\.lock|stop|alnd\.sock|alnd\.db(\.new|\.damaged\.\d+)?-shm)$')
WRITES = ('write', 'pwrite64', 'writev', 'pwritev', 'pwritev2', 'ftruncate', 'fallocate', 'copy_file_range', 'sendfile')
# Kinds of artefacts: each must be met in its final place.
KINDS = ['loop.yaml', 'inputs/loop.yaml', 'inputs/Li2S.extxyz', 'inputs/pseudo/.*psp8', '.*/task.yaml', '.*/result.yaml',
         'initial/Li2S/frames.extxyz', '.*/label/.*/labelled.extxyz', '.*/aimd/.*/labelled.extxyz', '.*/aimd/.*/thermo.csv',
         'data/train/Li2S/type.raw', 'data/train/Li2S/set.000', 'data/test/Li2S/set.001', '.*/energy.npy', '.*/train/.*/model.dp',
         '.*/train/.*/lcurve.out', '.*/train/.*checkpoint.*', '.*/aimd/.*checkpoint.*', '.*/select/Li2S.extxyz',
         'iterations/.../errors.yaml', 'models/graph.0.dp', 'models/model.yaml', r'production/.*/traj\.(dcd|extxyz)',
         'production/.*/thermo.out', 'transport/Li2S.yaml', 'transport/Li2S/msd.svg', 'report.html', 'alnd.db', 'alnd.db-wal']


class Process:
    """What one process has written below RUN and not yet made safe."""

    def __init__(self, run, name, problems, met):
        self.run, self.name, self.problems, self.met = run, name, problems, met
        self.cwd, self.files, self.names = run, set(), set()
        self.thread, self.waiting = 0, {}  # of each thread: the directory that it must sync next

    @property
    def pending(self):
        return self.waiting.get(self.thread)

    @pending.setter
    def pending(self, path):
        self.waiting[self.thread] = path

    def below(self, path):
        path = os.path.normpath(path if path.startswith('/') else os.path.join(self.cwd, path))
        return os.path.relpath(path, self.run) if path.startswith(self.run + '/') or path == self.run else None

    def wrong(self, text):
        self.problems.append(f'{self.name}: {text}')

    def named(self, path):
        """A name has come, gone or changed in its directory."""
        if not LOOSE.search(path):
            self.names.add(os.path.dirname(path) or '.')

    def wrote(self, path):
        if not LOOSE.search(path):
            self.files.add(path)
            self.met.add(path)

    def synced(self, path):
        if re.search(r'alnd\.db(\.new)?-wal$', path):
            self.barrier('the commit of the journal', besides=path)
        self.files.discard(path)
        self.names.discard(path)
        if self.pending == path:
            self.pending = None

    def barrier(self, what, besides):
        own = (besides, besides.replace('-wal', ''))
        for f in sorted(self.files):
            if f not in own:
                self.wrong(f'{f} is not safe at {what}')
        for d in sorted(self.names):
            if d != (os.path.dirname(besides) or '.'):
                self.wrong(f'a name in {d} is not safe at {what}')

    def next_call(self, what):
        if self.pending is not None:
            self.wrong(f'after a rename {self.pending} is not synced before {what}')
            self.pending = None

    def renamed(self, old, new):
        self.next_call(f'the rename of {new}')
        inside = [f for f in self.files if f == old or f.startswith(old + '/')]
        for f in inside:
            self.wrong(f'{f} is renamed to {new} before it is safe')
            self.files.discard(f)
        if any(d == old or d.startswith(old + '/') for d in self.names):
            self.wrong(f'{old} is renamed to {new} before the names in it are safe')
        self.names = {d for d in self.names if d != old and not d.startswith(old + '/')}
        if LOOSE.search(new):
            return
        if re.search(r'(result\.yaml|checkpoint(\.\w+)?)$', new):
            self.barrier(f'the rename of {new}', besides=old)
        self.met.add(new)
        self.named(old)
        self.named(new)
        self.pending = os.path.dirname(new) or '.'


def replay_line(p, line):
    m = re.match(r'(\w+)\((.*)\)\s+= (-?\d+|\?)(?:<(.*)>)?', line)
    if not m or m.group(3) == '?' or m.group(3).startswith('-'):
        return
    call, args, result = m.group(1), m.group(2), m.group(4)
    at = re.match(r'AT_FDCWD<([^>]*)>', args)
    if at:
        p.cwd = at.group(1)
    paths = re.findall(r'"((?:[^"\\]|\\.)*)"', args)
    if call in ('clone', 'clone3', 'fork', 'vfork') and 'CLONE_THREAD' not in args and p.name.startswith('alnd '):
        p.next_call('a worker is started')
        p.barrier('the start of a worker', besides='-')
    elif call == 'chdir':
        p.cwd = os.path.join(p.cwd, paths[0])
    elif call in ('openat', 'open', 'creat'):
        path = p.below(result or paths[0])
        if path and ('O_CREAT' in args or call == 'creat'):
            p.named(path)
        if path and 'O_TRUNC' in args:
            p.wrote(path)
    elif call in WRITES:
        fd = re.match(r'\d+<([^>]*)>', args)
        path = p.below(fd.group(1)) if fd and fd.group(1).startswith('/') else None
        if path:
            p.wrote(path)
    elif call in ('fsync', 'fdatasync'):
        fd = re.match(r'\d+<([^>]*)>', args)
        path = p.below(fd.group(1)) if fd else None
        if path:
            p.synced(path)
    elif call.startswith('rename'):
        old, new = p.below(paths[0]), p.below(paths[1])
        if new:
            p.renamed(old or paths[0], new)
    elif call in ('mkdir', 'mkdirat', 'symlink', 'symlinkat', 'link', 'linkat'):
        path = p.below(paths[-1])
        if path and path != '.':
            p.named(path)
    elif call in ('unlink', 'unlinkat', 'rmdir'):
        path = p.below(paths[0])
        if path:  # a name that comes back after power loss does no harm
            p.files.discard(path)


def whole_processes(traces):
    """The calls of all threads of a process in the order of their times: [(threads, [(time, thread, call)])]."""
    calls, owner = {}, {}
    for trace in traces:
        number = trace.rsplit('.', 1)[0] + '.', int(trace.rsplit('.', 1)[1])
        with open(trace, errors='replace') as f:
            calls[number] = [(float(line.split(' ', 1)[0]), number, line.split(' ', 1)[1]) for line in f.read().splitlines()]
        for _, _, line in calls[number]:
            m = re.match(r'clone3?\(.*CLONE_THREAD.*= (\d+)', line)
            if m:
                owner[number[0], int(m.group(1))] = number
    groups = {}
    for number in calls:
        leader = number
        while leader in owner:
            leader = owner[leader]
        groups.setdefault(leader, []).append(number)
    return [(g, sorted(c for n in g for c in calls[n])) for g in groups.values()]


def replay(run, traces, drop):
    """Problems and paths met; drop: lines that are left out, to see the replay fail."""
    problems, met = [], set()
    for numbers, timed in whole_processes(traces):
        lines = [line for _, _, line in timed]
        what = next((line for line in lines if line.startswith('execve(') and line.endswith('= 0')), '')
        m = re.search(r'\["([^"]*)"(?:, "([^"]*)")?', what)
        name = f'{os.path.basename(m.group(1))} {m.group(2)}' if m else 'thread'
        if m and not name.startswith('alnd'):
            continue  # mpirun and its helpers
        p = Process(run, name, problems, met)
        for _, thread, line in timed:
            p.thread = thread
            if not (drop and drop.search(line)):
                replay_line(p, line)
        for p.thread in numbers:
            p.next_call('the end')
        for f in sorted(p.files):
            p.wrong(f'{f} is never made safe')
        for d in sorted(p.names - {'.', '..'}):
            p.wrong(f'a name in {d} is never made safe')
    return problems, met


def strace(d, out, *args):
    p = subprocess.run(['strace', '-ff', '-ttt', '-qq', '-y', '-e', 'trace=' + CALLS, '-e', 'signal=none', '-s', '300', '-o', out, ALND, *args], cwd=d,
                       capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=900)
    return p


def main():
    if not shutil.which('strace'):
        print('skipped: there is no strace')
        sys.exit(77)
    if not glob.glob(os.path.join(PSEUDO, 'SPMS', '*Li*.psp8')):
        print(f'skipped: no pseudopotentials in {PSEUDO}/SPMS (./setup.sh build fetches them)')
        sys.exit(77)
    top = tempfile.mkdtemp(prefix='alnd-durable-')
    try:
        if strace(top, os.path.join(top, 'probe'), '--version').returncode != 0:
            print('skipped: strace may not trace here')
            sys.exit(77)
        for f in ('mini.yaml', 'li2s.extxyz'):
            shutil.copy(os.path.join(HERE, f), top)
        run = os.path.realpath(os.path.join(top, 'run'))
        p = strace(top, os.path.join(top, 'start'), 'start', 'mini.yaml')
        if p.returncode != 0:
            print(f'FAIL: alnd start under strace ended with {p.returncode}\n{p.stdout[-2000:]}{p.stderr[-2000:]}')
            sys.exit(1)
        with open(os.path.join(run, 'alnd.db'), 'r+b') as f:
            f.write(b'x' * 8192)
        p = strace(top, os.path.join(top, 'recover'), 'recover', 'run')
        if p.returncode != 0:
            print(f'FAIL: alnd recover under strace ended with {p.returncode}\n{p.stdout[-2000:]}{p.stderr[-2000:]}')
            sys.exit(1)
        traces = sorted(glob.glob(os.path.join(top, 'start.*')) + glob.glob(os.path.join(top, 'recover.*')))
        check(run, traces)
    finally:
        if os.environ.get('ALND_KEEP'):
            print('kept', top)
        else:
            shutil.rmtree(top, ignore_errors=True)


def check(run, traces):
    problems, met = replay(run, traces, None)
    for kind in KINDS:
        if not any(re.fullmatch(kind, path) for path in met):
            problems.append(f'no {kind} was written: the test does not see it')
    # without the fsyncs of files, of directories, of the journal the replay must fail
    for what, drop in (('files', r'^f(data)?sync\(\d+<[^>]*\.(yaml|dp|extxyz|npy)[^/>]*>'), ('directories', r'^fsync\(\d+<[^>.]*>\)'),
                       ('the journal', r'^f(data)?sync\(\d+<[^>]*alnd\.db-wal>')):
        n = len(replay(run, traces, re.compile(drop))[0])
        if n < 10:
            problems.append(f'without fsync of {what} the replay finds only {n} faults')
        print(f'without fsync of {what}: {n} faults')
    print('\n'.join(problems[:40]))
    print(f'{len(traces)} processes and threads, {len(met)} files, {len(problems)} faults')
    sys.exit(1 if problems else 0)


main()
