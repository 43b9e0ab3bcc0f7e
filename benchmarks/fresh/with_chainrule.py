"""Read a table of numbers, train a classifier on it, print how often it is right: with chainrule."""

import sys

import numpy as np

import chainrule as cr

table = np.loadtxt(sys.argv[1], delimiter=",", dtype=np.float32)
rows, labels = table[:, :-1], table[:, -1].astype(int)
rows = (rows - rows.mean(axis=0)) / rows.std(axis=0)
net = cr.mlp([rows.shape[1], 64, 64, 1], hidden="relu", loss="binary_cross_entropy", seed=0)
net.fit(rows, labels, epochs=50, batch_size=32, optimizer=cr.Adam(1e-3))
print(((net.predict(rows)[:, 0] > 0.5) == labels).mean())
