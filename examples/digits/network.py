"""A small convolutional network in NumPy in which every convolution and every gradient of one is halconv's."""

import halconv
import numpy as np

# The batch of the problems in bench/suites/digits.txt, for which specialised kernels are generated.
BATCH = 36


class Convolution:
    """conv2d with a bias; `backward` leaves the gradients of filters and bias in `gradients`."""

    def __init__(self, random, filter_shape, strides, padding, target=None):
        deviation = np.sqrt(2 / np.prod(filter_shape[:3]))  # He et al., 2015: keeps the variance through a ReLU
        self.filters = (deviation * random.standard_normal(filter_shape)).astype(np.float32)
        self.bias = np.zeros(filter_shape[3], np.float32)
        self.attributes = {"strides": strides, "padding": padding, "target": target}

    @property
    def parameters(self):
        return [self.filters, self.bias]

    def forward(self, x, training):
        self.input = x
        return halconv.conv2d(x, self.filters, **self.attributes) + self.bias

    def backward(self, d_out):
        self.gradients = [
            halconv.conv2d_backprop_filter(self.input, self.filters.shape, d_out, **self.attributes),
            d_out.sum(axis=(0, 1, 2)),
        ]
        return halconv.conv2d_backprop_input(self.input.shape, self.filters, d_out, **self.attributes)


class Relu:
    parameters = gradients = ()

    def forward(self, x, training):
        self.slope = (x > 0).astype(np.float32)
        return x * self.slope

    def backward(self, d_out):
        return d_out * self.slope


class Dropout:
    """Srivastava et al., 2014: drops half of the features while training, so that none can rely on another."""

    parameters = gradients = ()

    def __init__(self, random):
        self.random = random

    def forward(self, x, training):
        self.slope = 2 * self.random.integers(0, 2, x.shape).astype(np.float32) if training else np.float32(1)
        return x * self.slope

    def backward(self, d_out):
        return d_out * self.slope


class Network:
    """8x8 images -> 3x3, 32 -> 3x3 at stride 2, 64 -> 3x3, 64 -> 4x4 to the scores of the 10 digits."""

    def __init__(self, random, target=None):
        self.layers = [
            Convolution(random, (3, 3, 1, 32), 1, "SAME", target),
            Relu(),
            Convolution(random, (3, 3, 32, 64), 2, "SAME", target),
            Relu(),
            Convolution(random, (3, 3, 64, 64), 1, "SAME", target),
            Relu(),
            Dropout(random),
            Convolution(random, (4, 4, 64, 10), 1, "VALID", target),
        ]

    @property
    def parameters(self):
        return [parameter for layer in self.layers for parameter in layer.parameters]

    @property
    def gradients(self):
        return [gradient for layer in self.layers for gradient in layer.gradients]

    def activations(self, images, training=False):
        """What each layer returns, first to last."""
        results = [images]
        for layer in self.layers:
            results.append(layer.forward(results[-1], training))
        return results[1:]

    def train_step(self, images, digits, smoothing=0.2):
        """Runs forward and backward; returns the mean cross entropy of the softmax of the scores.

        What is minimised has its labels smoothed (Szegedy et al., 2016): certainty would cost accuracy on other images.
        """
        scores = self.activations(images, training=True)[-1].reshape(-1, 10)
        exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
        probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
        labels = np.eye(10, dtype=np.float32)[digits]
        smoothed = (1 - smoothing) * labels + smoothing / 10
        gradient = ((probabilities - smoothed) / len(digits)).reshape(-1, 1, 1, 10)
        for layer in reversed(self.layers):
            gradient = layer.backward(gradient)
        return float(-np.log(probabilities[labels == 1]).mean())

    def classify(self, images):
        """The digit of each image; a number of images that BATCH divides keeps to the specialised kernels."""
        batches = np.split(images, range(BATCH, len(images), BATCH))
        return np.concatenate([self.activations(batch)[-1].reshape(-1, 10).argmax(axis=1) for batch in batches])


class Adam:
    """Kingma and Ba, 2015, with their defaults for everything but the learning rate."""

    def __init__(self, parameters, beta1=0.9, beta2=0.999, epsilon=1e-8):
        self.parameters, self.beta1, self.beta2, self.epsilon = parameters, beta1, beta2, epsilon
        self.means = [np.zeros_like(parameter) for parameter in parameters]
        self.squares = [np.zeros_like(parameter) for parameter in parameters]
        self.step_count = 0

    def step(self, gradients, learning_rate):
        self.step_count += 1
        rate = learning_rate * np.sqrt(1 - self.beta2**self.step_count) / (1 - self.beta1**self.step_count)
        for parameter, gradient, mean, square in zip(self.parameters, gradients, self.means, self.squares):
            mean += (1 - self.beta1) * (gradient - mean)
            square += (1 - self.beta2) * (gradient * gradient - square)
            parameter -= np.float32(rate) * mean / (np.sqrt(square) + np.float32(self.epsilon))
