#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""dp_angular.py IN.dp OUT.pb    for models with angles (train.descriptor.rcut_angular) what `dp convert-backend` is for the others.

The .pb file has operations of TensorFlow and of deepmd-kit only: its own LAMMPS, ASE, `dp test` take it, and need nothing of this.
To be run by the Python that has deepmd-kit >= 3 and TensorFlow. `dp compress` cannot take such a model."""
import os
import sys

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
KEY = 'alnd_angular'


def load(path):
    from deepmd.dpmodel.utils.serialization import load_dp_model
    try:
        data = load_dp_model(path)
        model, kind = data['model']['type'], data['model']['descriptor']['type']
    except (OSError, KeyError, TypeError, ValueError) as e:
        sys.exit(f'{path} is not a .dp model: {e}')
    if not kind.startswith(KEY):
        sys.exit(f'{path} has no angles (descriptor {kind}): dp convert-backend takes it')
    if model != 'standard':
        sys.exit(f'{path} has more than networks ({model.split(" ")[0]}): take *.without_zbl.dp')
    return data, kind


def descriptor(kind):
    """se_e2_a of deepmd-kit with the two blocks more; dp/model.h of alnd says what is computed."""
    import numpy as np
    from deepmd.tf.descriptor.descriptor import Descriptor
    from deepmd.tf.descriptor.se_a import DescrptSeA
    from deepmd.tf.env import tf
    from deepmd.tf.utils.network import embedding_net

    def switch(r, rs, rc, width):
        """s and ds/dr."""
        u = tf.clip_by_value((r - rs) / width, 0, 1)
        s = (1 + u**3 * (-10 + u * (15 - 6 * u))) / r
        return s, (-30 * (u * (1 - u))**2 / width - s) / r

    def harmonics(h):
        x, y, z = tf.unstack(h, axis=2)
        y2, y31, y32, y33 = 3**0.5, 6**0.5 / 4, 15**0.5, 10**0.5 / 4
        return tf.stack([
            y2 * x * y, y2 * y * z, y2 * z * x, y2 / 2 * (x * x - y * y), 1.5 * z * z - 0.5,
            z * (2.5 * z * z - 1.5), y31 * x * (5 * z * z - 1), y31 * y * (5 * z * z - 1), y32 / 2 * z * (x * x - y * y),
            y32 * x * y * z, y33 * x * (x * x - 3 * y * y), y33 * y * (3 * x * x - y * y)], axis=2)

    @Descriptor.register(kind)
    class Angular(DescrptSeA):
        @classmethod
        def deserialize(cls, data, suffix=''):
            data = dict(data, type='se_e2_a')
            ra, columns = data.pop('rcut_angular'), data.pop('neuron_angular')
            d = DescrptSeA.deserialize(data, suffix)
            d.__class__, d.ra, d.columns = cls, ra, columns
            return d

        def get_dim_out(self):
            return (self.filter_neuron[-1] + 2 * self.columns) * self.n_axis_neuron

        def _rows(self, env, atype):
            """Of each slot the twelve components; env: normalised rows of the four of se_e2_a."""
            rc, rs = np.float32(self.rcut_r), np.float32(self.rcut_r_smth) # as deepmd-kit's operation has them
            width, rc, rs = float(rc - rs), float(rc), float(rs)
            d = tf.reshape(self.rij, [-1, self.nnei, 3])
            r = tf.norm(d, axis=2)
            inside = (tf.reshape(self.nlist, [-1, self.nnei]) >= 0) & (r < self.ra)
            r = tf.where(inside, r, tf.fill(tf.shape(r), tf.constant(self.ra / 2, r.dtype))) # no division by 0 anywhere
            s, ds = switch(r, rs, rc, width)
            q, dq = switch(r, rs, self.ra, self.ra - rs)
            zero, one = tf.zeros_like(r), tf.ones_like(r)
            inside &= (s > 0) & (ds < 0)
            q, dq = tf.where(inside, q, zero), tf.where(inside, dq, zero)
            s, ds = tf.where(inside, s, one), tf.where(inside, ds, one)
            std = tf.gather(tf.reshape(self.t_std, [self.ntypes, self.nnei, 4]), tf.maximum(atype, 0))
            # deepmd-kit makes forces of dE/d(env) alone. So values come from the distances, and derivatives from a change
            # of (s, s h) that is zero: exact to first order, which is all that forces need.
            change = (env - tf.stop_gradient(env)) * std
            h = d / r[:, :, None]
            h += (change[:, :, 1:] - h * change[:, :, :1]) / s[:, :, None]
            q += dq / ds * change[:, :, 0]
            return harmonics(h) * q[:, :, None] / std[:, :, 1:2]

        def _descriptor(self, rows):
            """Of atoms of one net of each neighbour type, [frames, atoms, slots, 16]; and the vectors of sums."""
            shape, at, sums = tf.shape(rows), 0, 0
            rows = tf.reshape(rows, [shape[0] * shape[1], self.nnei, 16])
            for t, sel in enumerate(self.sel_a):
                of = rows[:, at:at + sel]
                g = embedding_net(tf.reshape(of[:, :, 0], [-1, 1]), self.filter_neuron, self.filter_precision, self.filter_activation_fn,
                                  self.filter_resnet_dt, f'_{t}', initial_variables=self.embedding_net_variables)
                g = tf.reshape(g, [shape[0] * shape[1], sel, self.filter_neuron[-1]])
                sums += tf.matmul(of, g, transpose_a=True)
                at += sel
            sums /= self.nnei
            blocks = []
            for first, end, width in ((0, 4, self.filter_neuron[-1]), (4, 9, self.columns), (9, 16, self.columns)):
                a = sums[:, first:end, :width]
                d = tf.matmul(a, a[:, :, :self.n_axis_neuron], transpose_a=True)
                blocks.append(tf.reshape(d, [shape[0], shape[1], width * self.n_axis_neuron]))
            vectors = tf.transpose(sums[:, 1:4], [0, 2, 1])
            return tf.concat(blocks, 2), tf.reshape(vectors, [shape[0], shape[1], self.filter_neuron[-1] * 3])

        def _pass_filter(self, inputs, atype, natoms, input_dict, reuse=None, suffix='', trainable=True):
            env = tf.reshape(inputs, [-1, self.nnei, 4])
            rows = tf.concat([env, self._rows(env, tf.reshape(atype[:, :natoms[0]], [-1]))], 2)
            rows = tf.reshape(rows, [-1, natoms[0], self.nnei, 16])
            nets = [('all', natoms[0])] if self.type_one_side else [(t, natoms[2 + t]) for t in range(self.ntypes)]
            parts, first = [], 0
            for name, n in nets: # atoms stand sorted by type
                with tf.variable_scope(f'filter_type_{name}{suffix}', reuse=reuse):
                    parts.append(self._descriptor(rows[:, first:first + n]))
                first += n
            return [tf.concat(p, 1) for p in zip(*parts)]


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    data, kind = load(sys.argv[1])
    descriptor(kind)
    from deepmd.tf.utils.serialization import deserialize_to_file
    deserialize_to_file(sys.argv[2] + '.tmp', data)
    os.replace(sys.argv[2] + '.tmp', sys.argv[2])


if __name__ == '__main__':
    main()
