#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""A batch system for tests that answers as PBS, LSF or Flux are documented to: it runs the scripts it is given, on this machine.

fake_queue.py run SYSTEM COMMAND...    COMMAND with the system's commands in PATH; then all jobs are ended
(as qsub, qstat, ..)                   the commands: options that the manual does not have are refused

One server in a temporary directory, which the environment names (ALND_FAKE_QUEUE); commands ask it through a socket. A minute of a
time limit lasts ALND_FAKE_MINUTE seconds (60). Trouble is asked for by files in that directory:
refuse, full      submissions are refused, as for an unknown queue, as at a limit of jobs
lost-before, lost-after   once: no answer to a submission that has not, that has arrived
mute              no answer to questions for the state
hold              nothing starts
do-requeue, do-vanish, do-cancel    once: all running jobs start again, are forgotten, are cancelled by somebody else"""
import argparse
import getopt
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

COMMANDS = {'pbs': ('qsub', 'qstat', 'qselect', 'qdel'), 'lsf': ('bsub', 'bjobs', 'bkill'), 'flux': ('flux',)}
MINUTE = float(os.environ.get('ALND_FAKE_MINUTE', '60'))
KILL_AFTER = 3.0


class Refused(Exception):
    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


class Job:
    def __init__(self, number, place, want):
        self.number, self.place, self.want = number, place, want
        self.state, self.process, self.code, self.how = 'wait', None, None, None
        self.started = self.kill_at = 0
        self.warned = self.begun = False

    def signal(self, number):
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass

    def end(self, how):
        """The orderly way to kill: one signal, and after a while another."""
        self.how = self.how or how
        if self.state == 'wait':
            self.state = 'done'
        elif self.state == 'run' and not self.kill_at:
            self.kill_at = time.time() + KILL_AFTER
            if SYSTEM == 'lsf':
                self.signal(signal.SIGINT)
            self.signal(signal.SIGTERM)


class Server:
    def __init__(self, d, slots=6):
        self.d, self.slots, self.jobs, self.last = d, slots, [], 100
        self.dialect = {'pbs': Pbs, 'lsf': Lsf, 'flux': Flux}[SYSTEM](self)

    def asked(self, what, once=True):
        path = os.path.join(self.d, what)
        if not os.path.exists(path):
            return False
        if once:
            os.unlink(path)
        return True

    def add(self, places, want):
        self.last += 1
        script = os.path.join(self.d, f'{self.last}.sh')
        if 'script' in want:
            with open(script, 'w') as f:
                f.write(want['script'])
            os.chmod(script, 0o755)
            want['argv'] = [script]
        new = [Job(self.last, p, want) for p in places]
        self.jobs += new
        return new

    def step(self):
        running = [j for j in self.jobs if j.state == 'run']
        for what in ('requeue', 'vanish', 'cancel'):
            if not running or not self.asked('do-' + what):
                continue
            for j in running:
                if what == 'cancel':
                    j.end('cancel')
                    continue
                j.signal(signal.SIGKILL)
                j.process.wait()
                j.state, j.kill_at, j.warned = 'wait', 0, False
                if what == 'vanish':
                    self.jobs.remove(j)
        now = time.time()
        for j in [j for j in self.jobs if j.state == 'run']:
            code = j.process.poll()
            if code is not None:
                j.signal(signal.SIGKILL) # what it left behind
                j.code, j.state = code, 'done'
                continue
            limit = j.want.get('limit')
            if limit and j.want.get('warn') and not j.warned and now - j.started >= limit - j.want['warn'][1]:
                j.warned = True
                j.signal(j.want['warn'][0])
            if limit and now - j.started >= limit:
                j.end('limit')
            if j.kill_at and now > j.kill_at:
                j.signal(signal.SIGKILL)
        free = 0 if self.asked('hold', False) else self.slots - sum(j.state == 'run' for j in self.jobs)
        for j in [j for j in self.jobs if j.state == 'wait'][:max(free, 0)]:
            out = open(os.path.join(self.d, f'{j.number}.{j.place}.out'), 'ab')
            env = dict(j.want['env'], **self.dialect.environment(j))
            j.process = subprocess.Popen(j.want['argv'], cwd=j.want['cwd'], env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                         start_new_session=True)
            j.state, j.started, j.begun = 'run', now, True

    def answer(self, name, argv, env, cwd):
        submits = name in ('qsub', 'bsub') or (name == 'flux' and argv[0] in ('submit', 'batch'))
        reads = name in ('qstat', 'qselect', 'bjobs') or (name == 'flux' and argv[0] == 'jobs')
        try:
            if submits and self.asked('refuse', False):
                raise Refused(*self.dialect.refusal)
            if submits and self.asked('full', False):
                open(os.path.join(self.d, 'was-full'), 'w').close()
                raise Refused(*self.dialect.full)
            if (submits and self.asked('lost-before')) or (reads and self.asked('mute', False)):
                raise Refused(*self.dialect.away)
            out = getattr(self.dialect, name)(argv, env, cwd)
            code, err = 0, ''
            if isinstance(out, tuple):
                code, out, err = out
            if submits and self.asked('lost-after'):
                raise Refused(*self.dialect.away)
            return code, out, err
        except Refused as e:
            return e.code, '', f'{e}\n'
        except (getopt.GetoptError, KeyError, ValueError, IndexError) as e:
            return 2, '', f'{name}: {type(e).__name__} {e}: usage\n'

    def serve(self):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(os.path.join(self.d, 'socket'))
        listener.listen(50)
        listener.settimeout(0.02)
        while not os.path.exists(os.path.join(self.d, 'end')):
            try:
                c, _ = listener.accept()
            except TimeoutError:
                self.step()
                continue
            with c, c.makefile('rw') as f:
                f.write(json.dumps(self.answer(*json.loads(f.readline()))) + '\n')
        for j in self.jobs:
            if j.state == 'run':
                j.signal(signal.SIGKILL)


class Pbs:
    """qsub(1B), qstat(1B), qselect(1B), qdel(1B) of OpenPBS."""
    refusal = 173, 'qsub: Unknown queue'
    full = 39, "qsub: would exceed complex's per-user limit of jobs in 'Q' state"
    away = 255, 'Connection refused\nqsub: cannot connect to server fake (errno=111)'

    def __init__(self, server):
        self.s = server

    def qsub(self, argv, env, cwd):
        options, rest = getopt.getopt(argv, 'a:A:c:C:e:fhIj:J:k:l:m:M:N:o:p:P:q:r:R:S:u:v:VW:Xz')
        o = dict(options)
        resources = dict(v.split('=', 1) for k, v in options if k == '-l')
        if not resources['select'].split(':', 1)[1].startswith('ncpus=') or len(o['-N']) > 230 or '-V' not in o or o['-r'] != 'y':
            raise ValueError('-l or -N')
        want = {'name': o['-N'], 'env': env, 'cwd': '/', 'script': open(os.path.join(cwd, rest[0])).read()}
        if 'walltime' in resources:
            want['limit'] = float(resources['walltime'])
        if '-J' in o:
            first, last = (int(n) for n in o['-J'].split('-'))
            if not 0 <= first < last:
                raise ValueError('-J')
            return f'{self.s.add(range(first, last + 1), want)[0].number}[].fake\n'
        return f'{self.s.add([None], want)[0].number}.fake\n'

    def environment(self, j):
        e = {'PBS_JOBID': f'{j.number}.fake', 'PBS_ENVIRONMENT': 'PBS_BATCH', 'PBS_JOBNAME': j.want['name']}
        if j.place is not None:
            e['PBS_ARRAY_INDEX'] = str(j.place)
        return e

    def long(self, number, place, want, state, code):
        at = '' if place is None else f'[{place}]'
        lines = [f'Job Id: {number}{at}.fake', f'Job_Name = {want["name"]}', 'Job_Owner = me@fake', f'job_state = {state}', 'queue = workq']
        if code is not None:
            lines.append(f'Exit_status = {code}')
        lines.append('Variable_List = PBS_O_HOME=/home/me,ODD=a "quoted" thing\\nand a line')
        return '\n    '.join(lines) + '\n\n'

    def qstat(self, argv, env, cwd):
        options, ids = getopt.getopt(argv, 'fwtxEJpaisrHTu:n1F:D:')
        if dict(options).keys() != {'-f', '-w', '-t'}:
            raise ValueError('options')
        out, err, code = '', '', 0
        for i in ids:
            number, array = int(i.rstrip('[]')), i.endswith('[]')
            jobs = [j for j in self.s.jobs if j.number == number and (j.place is not None) == array]
            if all(j.state == 'done' for j in jobs):
                code = 153 if number % 2 else 35 # as without, as with a history
                err += f'qstat: Unknown Job Id {i}.fake\n' if number % 2 else f'qstat: {i}.fake Job has finished, use -x or -H to obtain historical job information\n'
                continue
            if array:
                out += self.long(number, '', jobs[0].want, 'B' if any(j.begun for j in jobs) else 'Q', None)
            for j in jobs:
                state = {'wait': 'Q', 'run': 'E' if j.kill_at else 'R', 'done': 'X'}[j.state]
                ended = (-29 if j.how == 'limit' else 256 - j.code if j.code < 0 else j.code) if j.state == 'done' and j.begun else None
                out += self.long(number, j.place, j.want, state, ended)
        return code, out, err

    def qselect(self, argv, env, cwd):
        o = dict(getopt.getopt(argv, 'a:A:c:h:HJl:N:p:P:q:r:s:t:Tu:x')[0])
        found = sorted({(j.number, j.place is not None) for j in self.s.jobs if j.want['name'] == o['-N'] and j.state != 'done'})
        return ''.join(f'{n}{"[]" if array else ""}.fake\n' for n, array in found)

    def qdel(self, argv, env, cwd):
        for i in getopt.getopt(argv, 'W:x')[1]:
            number, _, place = i.rstrip(']').partition('[')
            for j in self.s.jobs:
                if j.number == int(number) and (j.place == int(place) if place else j.place is None):
                    j.end('cancel')
        return ''


class Lsf:
    """bsub, bjobs and bkill of IBM Spectrum LSF 10.1."""
    refusal = 255, 'nowhere: No such queue. Job not submitted.'
    full = 255, 'User job slot limit reached. Job not submitted.'
    away = 255, 'Failed in an LSF library call: Communication time out. Job not submitted.'
    one = ('-J', '-cwd', '-o', '-n', '-R', '-M', '-W', '-wa', '-wt', '-q', '-P', '-G', '-U', '-app', '-gpu', '-m', '-sla', '-sp')

    def __init__(self, server):
        self.s = server

    def bsub(self, argv, env, cwd):
        o, i = {}, 0
        while argv[i].startswith('-'):
            if argv[i] in self.one:
                o[argv[i]] = argv[i + 1]
                i += 1
            elif argv[i] not in ('-r', '-x'):
                raise ValueError(argv[i])
            i += 1
        want = {'env': env, 'cwd': o['-cwd'], 'argv': ['/bin/sh', '-c', ' '.join(argv[i:])]}
        if '-wa' in o or '-wt' in o:
            want['warn'] = getattr(signal, 'SIG' + o['-wa']), MINUTE * int(o['-wt'])
        if '-W' in o:
            want['limit'] = MINUTE * int(o['-W'])
        name, _, places = o['-J'].partition('[')
        want['name'] = name
        first, last = (int(n) for n in (places.rstrip(']') or '0-0').split('-'))
        if places and first < 1 or last > 1000:
            raise ValueError('-J')
        job = self.s.add(range(first, last + 1), want)[0]
        return f'Job <{job.number}> is submitted to {"" if "-q" in o else "default "}queue <{o.get("-q", "normal")}>.\n'

    def environment(self, j):
        return {'LSB_JOBID': str(j.number), 'LSB_JOBINDEX': str(j.place), 'LSB_BATCH_JID': str(j.number)}

    def bjobs(self, argv, env, cwd):
        if argv != ['-a', '-noheader', '-o', "jobid jobindex stat job_name exit_reason delimiter='|'"]:
            raise ValueError('options')
        if not self.s.jobs:
            return 255, '', 'No job found\n'
        out = ''
        for j in self.s.jobs:
            stat = {'wait': 'PEND', 'run': 'RUN', 'done': 'DONE' if j.code == 0 and not j.how else 'EXIT'}[j.state]
            reason = '-' if j.state != 'done' else {None: '-', 'cancel': 'TERM_OWNER: job killed by owner',
                                                    'limit': 'TERM_RUNLIMIT: job killed after reaching LSF run time limit'}[j.how]
            out += f'{j.number}|{j.place}|{stat}|{j.want["name"]}{f"[{j.place}]" if j.place else ""}|{reason}\n'
        return out

    def bkill(self, argv, env, cwd):
        if argv[0] == '-stat':
            state = {'pend': 'wait', 'run': 'run'}[argv[1]]
            argv = argv[2:]
        else:
            state = None
        for i in argv:
            number, _, place = i.rstrip(']').partition('[')
            for j in self.s.jobs:
                if j.number == int(number) and j.place == int(place or 0) and state in (None, j.state):
                    j.end('cancel')
        return ''


class Flux:
    """flux submit, batch, jobs and cancel of flux-core."""
    refusal = 1, 'flux-submit: ERROR: [Errno 22] Invalid queue specified: nowhere'
    full = 1, 'flux-submit: ERROR: [Errno 22] user has reached the limit of active jobs'
    away = 1, 'flux-submit: ERROR: [Errno 111] Unable to connect to Flux: Connection refused'
    digits = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

    def __init__(self, server):
        self.s = server
        server.last = 1 << 40 # as large as real ones

    def flux(self, argv, env, cwd):
        return getattr(self, argv[0])(argv[1:], env, cwd)

    def f58(self, n):
        text = ''
        while n:
            n, k = divmod(n, 58)
            text = self.digits[k] + text
        return '\u0192' + text

    def duration(self, text):
        return float(text[:-1]) if text.endswith('s') else float(text) * MINUTE

    def launch(self, argv, env, cwd, names):
        p = argparse.ArgumentParser(exit_on_error=False)
        for n in ('--job-name', '--cwd', '--output', '--time-limit', '--signal', '--queue', '--setattr', '--urgency', '--requires', *names):
            p.add_argument(n)
        p.add_argument('command', nargs=argparse.REMAINDER)
        try:
            o = p.parse_args(argv)
        except argparse.ArgumentError as e:
            raise ValueError(str(e)) from e
        want = {'name': o.job_name, 'env': dict(env), 'cwd': o.cwd}
        if o.time_limit:
            want['limit'] = self.duration(o.time_limit)
        if o.signal:
            sig, _, before = o.signal.partition('@')
            want['warn'] = getattr(signal, 'SIG' + sig), self.duration(before)
        return o, want

    def submit(self, argv, env, cwd):
        o, want = self.launch(argv, env, cwd, ('--cc', '--ntasks', '--cores-per-task'))
        want['argv'] = o.command
        first, last = (int(n) for n in o.cc.split('-')) if o.cc else (0, 0)
        out = ''
        for place in range(first, last + 1):
            cc = str(place) if o.cc else ''
            mine = dict(want, name=want['name'].replace('{cc}', cc))
            if o.cc:
                mine['env'] = dict(want['env'], FLUX_JOB_CC=cc)
            out += self.f58(self.s.add([place], mine)[0].number) + '\n'
        return out

    def batch(self, argv, env, cwd):
        o, want = self.launch(argv, env, cwd, ('--nslots', '--cores-per-slot'))
        want['script'] = open(os.path.join(cwd, o.command[0])).read()
        if int(o.nslots) < 1 or not want['script'].startswith('#!'):
            raise ValueError('flux batch')
        return self.f58(self.s.add([0], want)[0].number) + '\n'

    def environment(self, j):
        return {'FLUX_JOB_ID': self.f58(j.number)}

    def jobs(self, argv, env, cwd):
        if sorted(argv) != ['--count=1000000', '--filter=pending,running,inactive', '--format={id.dec}|{name}|{status}', '--no-header', '--since=-1h']:
            raise ValueError('options')
        out = ''
        for j in self.s.jobs:
            status = {'wait': 'SCHED', 'run': 'RUN', 'done': {'cancel': 'CANCELED', 'limit': 'TIMEOUT'}.get(j.how, 'COMPLETED' if j.code == 0 else 'FAILED')}
            out += f'{j.number}|{j.want["name"]}|{status[j.state]}\n'
        return out

    def cancel(self, argv, env, cwd):
        for i in argv:
            for j in self.s.jobs:
                if j.number == int(i):
                    j.end('cancel')
        return ''


def client(name):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(os.path.join(os.environ['ALND_FAKE_QUEUE'], 'socket'))
        with s.makefile('rw') as f:
            f.write(json.dumps([name, sys.argv[1:], dict(os.environ), os.getcwd()]) + '\n')
            f.flush()
            code, out, err = json.loads(f.readline())
    sys.stdout.write(out)
    sys.stderr.write(err)
    sys.exit(code)


class Queue:
    """The server with its directory; env is the environment in which its commands are found."""
    def __init__(self, system):
        self.d = tempfile.mkdtemp(prefix='alnd-queue-')
        os.mkdir(os.path.join(self.d, 'bin'))
        for name in COMMANDS[system]:
            os.symlink(os.path.abspath(__file__), os.path.join(self.d, 'bin', name))
        self.env = dict(os.environ, ALND_FAKE_QUEUE=self.d, PATH=os.path.join(self.d, 'bin') + ':' + os.environ['PATH'])
        self.server = subprocess.Popen([sys.executable, os.path.abspath(__file__), 'serve', system, self.d])
        while not os.path.exists(os.path.join(self.d, 'socket')):
            time.sleep(0.02)

    def stop(self):
        open(os.path.join(self.d, 'end'), 'w').close()
        self.server.wait(timeout=20)
        shutil.rmtree(self.d, ignore_errors=True)


def main():
    global SYSTEM
    name = os.path.basename(sys.argv[0])
    if name != 'fake_queue.py':
        client(name)
    SYSTEM = sys.argv[2]
    if sys.argv[1] == 'serve':
        Server(sys.argv[3]).serve()
        return 0
    q = Queue(SYSTEM)
    try:
        return subprocess.run(sys.argv[3:], env=q.env).returncode
    finally:
        q.stop()


if __name__ == '__main__':
    sys.exit(main())
