#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""pbfix.py IN.pb OUT.pb    what deepmd-kit 3.2.0 leaves out when it converts a .dp file, put in, so that it can go on:

    dp convert-backend graph.0.dp graph.0.pb
    python pbfix.py graph.0.pb fixed.0.pb
    dp --tf compress -i fixed.0.pb -o compressed.0.pb       # else: ArgumentKeyError ... key start_lr is required
    dp --tf train --init-frz-model fixed.0.pb input.json    # else: ... has no 'model_type' information

The numbers of the model are not touched. Needs the Python that has deepmd-kit and TensorFlow."""
import json
import os
import sys

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
SCRIPT, KIND = 'train_attr/training_script', 'model_type'


def fix(graph, tf):
    """graph: a GraphDef, changed in place."""
    names = {node.name: node for node in graph.node}
    if SCRIPT not in names:
        sys.exit(f'no {SCRIPT} in the file: not a model that `dp convert-backend` has made')
    text = names[SCRIPT].attr['value'].tensor.string_val
    script = json.loads(text[0])
    # Sections that the checker of `compress` wants to see; compression trains nothing.
    script.setdefault('learning_rate', {'type': 'exp', 'start_lr': 1e-3, 'stop_lr': 1e-8})
    script.setdefault('training', {'numb_steps': 0})
    text[0] = json.dumps(script).encode()
    if KIND not in names:
        node = graph.node.add(name=KIND, op='Const')
        node.attr['dtype'].type = tf.string.as_datatype_enum
        node.attr['value'].tensor.CopyFrom(tf.make_tensor_proto('original_model', dtype=tf.string))


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    import tensorflow as tf
    graph = tf.compat.v1.GraphDef()
    with open(sys.argv[1], 'rb') as f:
        graph.ParseFromString(f.read())
    fix(graph, tf)
    with open(sys.argv[2] + '.tmp', 'wb') as f:
        f.write(graph.SerializeToString())
    os.replace(sys.argv[2] + '.tmp', sys.argv[2])


if __name__ == '__main__':
    main()
