#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""deepmd_steps.py DIR OPTIONS: for test_peer_steps.c. deepmd-kit (TensorFlow) trains DIR/m0.dp on the systems DIR/sys0,
DIR/sys1, ... in a fixed order and writes DIR/m1.dp.

Order: step k takes system k mod n, its frames in order, batch after batch; batches do not straddle the end of a set.
OPTIONS is a JSON text: steps, batch, systems, decay_steps, lr [start, stop], pref {e, f, v: [start, limit]}.
"""
import json
import os
import subprocess
import sys

directory, o = sys.argv[1], json.loads(sys.argv[2])
os.chdir(directory)
dp = os.path.join(os.path.dirname(sys.executable), 'dp')


def run(*args):
    subprocess.run([dp, *args], check=True)


run('convert-backend', 'm0.dp', 'm0.pb')

from deepmd.tf.env import tf  # noqa: E402
from deepmd.tf.entrypoints.train import train  # noqa: E402
from deepmd.utils import random as dp_random  # noqa: E402
from deepmd.utils.data_system import DeepmdDataSystem  # noqa: E402

# A converted .pb lacks what --init-frz-model asks for.
graph = tf.GraphDef()
with open('m0.pb', 'rb') as f:
    graph.ParseFromString(f.read())
script = next(n for n in graph.node if n.name == 'train_attr/training_script').attr['value'].tensor
model = json.loads(script.string_val[0])['model']
with tf.Graph().as_default() as extra:
    tf.constant('original_model', name='model_type', dtype=tf.string)
graph.node.extend(extra.as_graph_def().node)
with open('m0_fixed.pb', 'wb') as f:
    f.write(graph.SerializeToString())

def get_batch(self, sys_idx=None):
    """The first call only looks at the keys of a batch."""
    calls = getattr(self, 'calls', 0)
    k = max(calls - 1, 0) % self.nsystems
    self.calls = calls + 1
    batch = self.get_batch_standard(k)
    if not calls:
        self.data_systems[k].reset_get_batch()
    return batch


dp_random.shuffle = lambda x: None
DeepmdDataSystem.get_batch = get_batch

loss = {'type': 'ener'}
for term in 'efv':
    loss['start_pref_' + term], loss['limit_pref_' + term] = o['pref'][term]
with open('in.json', 'w') as f:
    json.dump({'model': model,
               'learning_rate': {'type': 'exp', 'start_lr': o['lr'][0], 'stop_lr': o['lr'][1],
                                 'decay_steps': o['decay_steps']},
               'loss': loss,
               'training': {'training_data': {'systems': ['sys%d' % k for k in range(o['systems'])],
                                              'batch_size': o['batch']},
                            'numb_steps': o['steps'], 'disp_freq': o['steps'], 'save_freq': 10 * o['steps'],
                            'tensorboard': False, 'seed': 1}}, f)
train(INPUT='in.json', init_model=None, restart=None, output='out.json', init_frz_model='m0_fixed.pb',
      mpi_log='master', log_level=0, log_path=None, skip_neighbor_stat=True)
run('--tf', 'freeze', '-o', 'm1.pb')
run('convert-backend', 'm1.pb', 'm1.dp')
