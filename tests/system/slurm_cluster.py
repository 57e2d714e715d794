# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""A Slurm of one node in a directory, for tests: its own daemons, key, ports and state; nothing of the machine's own is touched."""
import os
import shutil
import socket
import subprocess
import time

PROGRAMS = ('slurmctld', 'slurmd', 'munged', 'sbatch', 'squeue', 'scancel', 'scontrol')
PATHS = '/usr/sbin:/usr/local/sbin:/sbin'


def missing():
    path = os.environ['PATH'] + ':' + PATHS
    return [p for p in PROGRAMS if not shutil.which(p, path=path)]


def free_ports(n):
    sockets = [socket.socket() for _ in range(n)]
    for s in sockets:
        s.bind(('127.0.0.1', 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


CONF = '''ClusterName=alndtest
SlurmctldHost=localhost
SlurmctldPort={ctld_port}
SlurmdPort={slurmd_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={d}/munge.sock,cred_expire=10
CredType=cred/munge
StateSaveLocation={d}/state
SlurmdSpoolDir={d}/spool
SlurmctldPidFile={d}/slurmctld.pid
SlurmdPidFile={d}/slurmd.pid
SlurmctldLogFile={d}/slurmctld.log
SlurmdLogFile={d}/slurmd.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SchedulerParameters=batch_sched_delay=0,sched_min_interval=100000
KillWait=2
MinJobAge={min_job_age}
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
NodeName=localhost CPUs={cpus} RealMemory=2000 State=UNKNOWN
PartitionName=main Nodes=localhost Default=YES MaxTime=60 State=UP
'''


class Cluster:
    def __init__(self, d, cpus=6, min_job_age=300):
        os.makedirs(os.path.join(d, 'state'))
        os.makedirs(os.path.join(d, 'spool'))
        self.d, self.started = d, []
        self.env = dict(os.environ, SLURM_CONF=os.path.join(d, 'slurm.conf'), PATH=os.environ['PATH'] + ':' + PATHS)
        ctld_port, slurmd_port = free_ports(2)
        user = subprocess.run(['id', '-un'], capture_output=True, text=True, check=True).stdout.strip()
        with open(self.env['SLURM_CONF'], 'w') as f:
            f.write(CONF.format(d=d, ctld_port=ctld_port, slurmd_port=slurmd_port, user=user, cpus=cpus, min_job_age=min_job_age))
        with open(os.open(os.path.join(d, 'munge.key'), os.O_WRONLY | os.O_CREAT, 0o600), 'wb') as f:
            f.write(os.urandom(64))

    def _daemon(self, *argv):
        log = open(os.path.join(self.d, argv[0] + '.out'), 'ab')
        p = subprocess.Popen(argv, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.d, start_new_session=True)
        self.started.append(p)
        return p

    def start(self):
        d = self.d
        self._daemon('munged', '--foreground', '--force', f'--key-file={d}/munge.key', f'--socket={d}/munge.sock',
                     f'--pid-file={d}/munged.pid', f'--log-file={d}/munged.log', f'--seed-file={d}/munge.seed', '--num-threads=2')
        self._until(lambda: os.path.exists(f'{d}/munge.sock'), 'munged')
        self.controller = self._daemon('slurmctld', '-D')
        self._daemon('slurmd', '-D', '-N', 'localhost')
        self._until(lambda: 'idle' in self.call('sinfo', '-h', '-o', '%t', fails=True), 'the node')

    def _until(self, ready, what):
        limit = time.time() + 30
        while not ready():
            if time.time() > limit or any(p.poll() is not None for p in self.started):
                raise RuntimeError(f'Slurm does not start ({what}): ' + self.logs())
            time.sleep(0.1)

    def logs(self):
        text = ''
        for name in ('munged.log', 'slurmctld.log', 'slurmd.log', 'munged.out', 'slurmctld.out', 'slurmd.out'):
            path = os.path.join(self.d, name)
            if os.path.exists(path):
                text += f'\n{name}:\n' + open(path, errors='replace').read()[-1500:]
        return text

    def call(self, *argv, fails=False):
        p = subprocess.run(argv, env=self.env, capture_output=True, text=True, timeout=60)
        if p.returncode and not fails:
            raise RuntimeError(f'{" ".join(argv)}: {p.returncode}: {p.stderr}')
        return p.stdout

    def jobs(self):
        """(array's id, place, name, state) of all that the queue still shows."""
        out = self.call('squeue', '-h', '-r', '-t', 'all', '-o', '%F|%K|%j|%T')
        return [tuple(line.split('|')) for line in out.split()]

    def stop(self):
        self.call('scancel', '--me', fails=True)
        limit = time.time() + 15 # workers that do not listen are killed after KillWait
        while time.time() < limit and self.call('squeue', '-h', '-t', 'running,completing', fails=True):
            time.sleep(0.3)
        for p in reversed(self.started):
            p.terminate()
        for p in reversed(self.started):
            try:
                p.wait(timeout=10)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
