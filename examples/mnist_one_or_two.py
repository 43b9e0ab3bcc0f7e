"""MNIST's digit 1 against digit 2 with a 784-1000-1000-1 network.

The four IDX files are read from a folder: python examples/mnist_one_or_two.py --data-dir FOLDER, or the environment
variable CHAINRULE_MNIST.
"""

from __future__ import annotations

import argparse

import chainrule as cr
from chainrule.data import mnist


def main() -> None:
    """Train for a few epochs and print the accuracy on the test images."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", help="the folder with MNIST's IDX files (default: $CHAINRULE_MNIST)")
    parser.add_argument("--epochs", type=int, default=5)
    arguments = parser.parse_args()
    try:
        accuracy = train(arguments.data_dir, arguments.epochs)
    except cr.DataError as error:
        raise SystemExit(str(error)) from None
    print(f"test accuracy {accuracy:.4f}")


def train(folder: str | None, epochs: int) -> float:
    """The accuracy on the test images of 1 and 2 after ``epochs`` passes over the training images."""
    X, y, X_test, y_test = mnist(folder, digits=(1, 2))
    net = cr.mlp([784, 1000, 1000, 1], hidden="relu", loss="binary_cross_entropy", seed=0)
    print(net.summary(batch_size=128))
    net.fit(X, y == 2, epochs=epochs, batch_size=128, optimizer=cr.Adam(cr.schedules.Cosine(1e-3)), progress=True)
    return net.evaluate(X_test, y_test == 2, metrics=["accuracy"])["accuracy"]


if __name__ == "__main__":
    main()
