"""The pictures of a trained network: its first filters, what its layers make of a digit, and how training went."""

import matplotlib

matplotlib.use("Agg")  # no display needed

import network as networks
import numpy as np
from matplotlib import pyplot


def _tiles(figure, title, images, columns, **style):
    """Draws images [n, height, width] side by side; returns the last one drawn, for its colours."""
    figure.suptitle(title, fontsize=11)
    figure.figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0, hspace=0)
    rows = -(-len(images) // columns)
    for axes, image in zip(figure.subplots(rows, columns, squeeze=False).ravel(), images):
        drawn = axes.imshow(image, interpolation="nearest", **style)
        axes.set_axis_off()
    return drawn


def filters(network):
    """The filters of the first convolution, negative weights blue and positive ones red."""
    weights = network.layers[0].filters[:, :, 0].transpose(2, 0, 1)
    largest = np.abs(weights).max()
    figure = pyplot.figure(figsize=(8, 4.1), dpi=150, layout="constrained")
    title = f"The {len(weights)} filters of the first convolution"
    drawn = _tiles(figure, title, weights, 8, cmap="RdBu_r", vmin=-largest, vmax=largest)
    figure.colorbar(drawn, ax=figure.axes, shrink=0.9)
    return figure


def features(network, image):
    """An image and what each convolution makes of it, after the rectifier."""
    activations = network.activations(image[np.newaxis])
    digit = activations[-1].argmax()
    maps = [
        result[0].transpose(2, 0, 1)
        for layer, result in zip(network.layers, activations)
        if isinstance(layer, networks.Relu)
    ]
    columns = [len(layer) // 8 for layer in maps]
    figure = pyplot.figure(figsize=(15, 4.8), dpi=120, layout="constrained")
    parts = figure.subfigures(1, 1 + len(maps), width_ratios=(6, *columns))
    _tiles(parts[0], f'A held-out image, read as "{digit}"', image[np.newaxis, :, :, 0], 1, cmap="gray")
    for number, (part, layer, width) in enumerate(zip(parts[1:], maps, columns), 1):
        _tiles(part, f"Convolution {number}: {len(layer)} maps", layer, width, cmap="magma", vmin=0, vmax=layer.max())
    return figure


def loss(history):
    """The loss of every step, its mean over each epoch, and the held-out accuracy."""
    epochs = len(history.accuracies)
    per_step = np.array(history.losses)
    per_epoch = per_step.reshape(epochs, -1).mean(axis=1)
    figure, axes = pyplot.subplots(figsize=(8, 4.6), dpi=150, layout="constrained")
    step_ends, epoch_ends = np.linspace(0, epochs, len(per_step) + 1)[1:], np.arange(epochs) + 1
    axes.plot(step_ends, per_step, color="tab:blue", alpha=0.25, linewidth=0.8, label="loss of each step")
    axes.plot(epoch_ends - 0.5, per_epoch, color="tab:blue", label="mean loss of the epoch")
    axes.set(xlabel="epoch", ylabel="cross entropy", xlim=(0, epochs), ylim=(0, per_step.max()))
    right = axes.twinx()
    right.plot(epoch_ends, 100 * np.array(history.accuracies), color="tab:orange", label="held-out accuracy")
    right.set(ylabel="held-out accuracy, %", ylim=(min(90, 100 * min(history.accuracies)), 100))
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=3)
    axes.set_title(f"Held-out accuracy {history.accuracies[-1]:.2%} after {epochs} epochs", fontsize=11)
    return figure


def write(folder, network, history, image):
    """Writes filters.png, features.png and loss.png; returns their paths."""
    drawn = {"filters": filters(network), "features": features(network, image), "loss": loss(history)}
    paths = []
    for name, figure in drawn.items():
        paths.append(folder / f"{name}.png")
        figure.savefig(paths[-1])
        pyplot.close(figure)
    return paths
