# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""The workers that a command has started, for the tests that kill it."""
import glob
import os


def children():
    """Process numbers of workers below the current directory."""
    found = []
    for d in glob.glob('/proc/[0-9]*/environ'):
        try:
            with open(d, 'rb') as f:
                env = f.read()
            with open(d.replace('environ', 'cmdline'), 'rb') as f:
                cmd = f.read()
            if b'ALND_TOKEN=' in env and b'alnd-worker' in cmd and os.readlink(d.replace('environ', 'cwd')).startswith(os.getcwd()):
                found.append(int(d.split('/')[2]))
        except OSError:
            pass
    return found
