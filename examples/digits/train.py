"""Trains a small network on handwritten digits with halconv's convolutions and gradients.

    python examples/digits/train.py --output build/digits

Prints the accuracy on the 360 images held out and writes filters.png, features.png and loss.png.
"""

import argparse
import time
from pathlib import Path
from typing import NamedTuple

import figures
import network as networks
import numpy as np
from PIL import Image
from tqdm import tqdm

DATA = Path(__file__).parent / "data" / "digits.csv.gz"
HELD_OUT = 360


class Digits(NamedTuple):
    images: np.ndarray  # [n, 8, 8, 1], 0 to 1
    digits: np.ndarray  # [n]


class History(NamedTuple):
    losses: list  # one per step
    accuracies: list  # held out, one per epoch


class Result(NamedTuple):
    accuracy: float  # held out
    seconds: float  # of training, without the figures
    steps: int
    figures: list


def load():
    """The training images and those held out: the file's last."""
    table = np.loadtxt(DATA, dtype=np.int64, delimiter=",")
    images = (table[:, :64] / np.float32(16)).astype(np.float32).reshape(-1, 8, 8, 1)
    everything = Digits(images, table[:, 64])
    return Digits(*(part[:-HELD_OUT] for part in everything)), Digits(*(part[-HELD_OUT:] for part in everything))


def distorted(random, images):
    """Each image turned, scaled, sheared and moved a little, as handwriting is."""
    result = np.empty_like(images)
    for image, target in zip(images, result):
        matrix = np.eye(2) + random.uniform(-0.1, 0.1, (2, 2))
        centre = np.array([4, 4])
        offset = centre - matrix @ centre + random.uniform(-1, 1, 2)
        coefficients = np.column_stack([matrix, offset]).ravel()
        pixels = Image.fromarray(image[:, :, 0])
        target[:, :, 0] = pixels.transform((8, 8), Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR)
    return result


def fit(network, training, held_out, epochs, random):
    """Trains in whole batches, the learning rate falling to 0 along a cosine."""
    optimizer = networks.Adam(network.parameters)
    history = History([], [])
    steps_per_epoch = len(training.digits) // networks.BATCH
    with tqdm(total=epochs * steps_per_epoch, desc="training", unit="step", dynamic_ncols=True) as progress:
        for _ in range(epochs):
            order = random.permutation(len(training.digits))
            for batch in order[: steps_per_epoch * networks.BATCH].reshape(steps_per_epoch, networks.BATCH):
                learning_rate = 1.5e-3 * (1 + np.cos(np.pi * progress.n / progress.total))
                loss = network.train_step(distorted(random, training.images[batch]), training.digits[batch])
                optimizer.step(network.gradients, learning_rate)
                history.losses.append(loss)
                progress.update()
            history.accuracies.append(float(np.mean(network.classify(held_out.images) == held_out.digits)))
            recent = np.mean(history.losses[-steps_per_epoch:])
            progress.set_postfix(loss=f"{recent:.4f}", held_out=f"{history.accuracies[-1]:.2%}")
    return history


def train(output, epochs=40, seed=1, target=None):
    """Trains and writes the figures to the folder `output`."""
    random = np.random.default_rng(seed)
    training, held_out = load()
    network = networks.Network(random, target)
    start = time.perf_counter()
    history = fit(network, training, held_out, epochs, random)
    seconds = time.perf_counter() - start
    output.mkdir(parents=True, exist_ok=True)
    written = figures.write(output, network, history, held_out.images[0])
    return Result(history.accuracies[-1], seconds, len(history.losses), written)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("build/digits"), help="folder of the figures")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", help="halconv target; default: the best one")
    arguments = parser.parse_args()
    result = train(arguments.output, arguments.epochs, arguments.seed, arguments.target)
    print(f"held-out accuracy {result.accuracy:.2%} after {result.steps} steps in {result.seconds:.1f} s")
    for figure in result.figures:
        print(figure)


if __name__ == "__main__":
    main()
