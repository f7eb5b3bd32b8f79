"""halconv's kernels, on every target that this machine can run, against the reference; and what bad arguments get."""

import threading

import halconv
import ml_dtypes
import numpy as np
import problems
import pytest
from halconv import reference, relations

TARGETS = list({k.target: None for k in halconv.kernels() if k.runnable and k.dtype == "f32"})
CPU_TARGETS = [target for target in TARGETS if target in ("x86_64", "avx2", "avx512")]

every_problem = pytest.mark.parametrize("problem", problems.ALL, ids=problems.IDS)
on_every_cpu_target = pytest.mark.parametrize("target", CPU_TARGETS)
# On the GPU targets some: what this module adds to the runtime does not depend on the target, and drivers that emulate
# a GPU take seconds to compile each kernel.
every_problem_on_every_target = pytest.mark.parametrize(
    "target, problem",
    [
        pytest.param(target, problem, id=f"{target}-{name}")
        for target in TARGETS
        for problem, name in zip(problems.ALL[: None if target in CPU_TARGETS else 2], problems.IDS)
    ],
)


def test_kernels_of_nchw_are_chosen_for_nchw():
    for data_format in ("NHWC", "NCHW"):
        chosen = halconv.kernel_for("forward", "mb1ic5ih9oc7kh3", "x86_64", data_format=data_format)
        assert {k.name: k.data_format for k in halconv.kernels()}[chosen] == data_format.lower()
        assert f"{chosen}: chosen" in halconv.explain(
            "forward", "mb1ic5ih9oc7kh3", "x86_64", data_format=data_format
        )


def test_a_cpu_target_runs():
    assert CPU_TARGETS


def tensors(problem):
    return (
        problems.integers(problem.input_shape, 1),
        problems.integers(problem.filter_shape, 2),
        problems.integers(problem.output_shape, 3),
    )


def assert_same(actual, expected, dtype=np.float32):
    assert actual.dtype == dtype
    np.testing.assert_array_equal(actual, expected)


@every_problem_on_every_target
def test_conv2d(problem, target):
    x, w, _ = tensors(problem)
    assert_same(halconv.conv2d(x, w, **problem.attributes, target=target), reference.conv2d(x, w, **problem.attributes))


@pytest.mark.parametrize("dtype", [np.float64, np.float16, ml_dtypes.bfloat16, np.int32], ids=lambda d: d.__name__)
def test_every_dtype(dtype):
    x, w, d_out = (problems.integers(shape, 1) % 3 for shape in ((2, 8, 5, 3), (3, 2, 3, 4), (2, 4, 5, 4)))
    typed = [tensor.astype(dtype) for tensor in (x, w, d_out)]
    assert_same(halconv.conv2d(*typed[:2], [2, 1], "SAME"), reference.conv2d(x, w, [2, 1], "SAME").astype(dtype), dtype)
    if dtype == np.int32:
        return
    d_x = reference.conv2d_backprop_input(x.shape, w, d_out, [2, 1], "SAME").astype(dtype)
    d_w = reference.conv2d_backprop_filter(x, w.shape, d_out, [2, 1], "SAME").astype(dtype)
    assert_same(halconv.conv2d_backprop_input(x.shape, *typed[1:], [2, 1], "SAME"), d_x, dtype)
    assert_same(halconv.conv2d_backprop_filter(typed[0], w.shape, typed[2], [2, 1], "SAME"), d_w, dtype)


@every_problem_on_every_target
def test_gradients(problem, target):
    x, w, d_out = tensors(problem)
    d_x = reference.conv2d_backprop_input(x.shape, w, d_out, **problem.attributes)
    d_w = reference.conv2d_backprop_filter(x, w.shape, d_out, **problem.attributes)
    forced = problem.attributes | {"target": target}
    assert_same(halconv.conv2d_backprop_input(x.shape, w, d_out, **forced), d_x)
    assert_same(halconv.conv2d_transpose(d_out, w, x.shape, **forced), d_x)
    assert_same(halconv.conv2d_backprop_filter(x, w.shape, d_out, **forced), d_w)


@on_every_cpu_target
@every_problem
def test_autodiff_gradients(problem, target):
    x, w, d_out = tensors(problem)
    d_x = reference.conv2d_backprop_input(x.shape, w, d_out, **problem.attributes)
    d_w = reference.conv2d_backprop_filter(x, w.shape, d_out, **problem.attributes)
    forced = problem.attributes | {"target": target}
    assert_same(halconv.conv2d_backprop_input_autodiff(x.shape, w, d_out, **forced), d_x)
    assert_same(halconv.conv2d_backprop_filter_autodiff(x, w.shape, d_out, **forced), d_w)


@every_problem
def test_relations_over_halconv(problem):
    x, w, d_out = tensors(problem)
    d_x = reference.conv2d_backprop_input(x.shape, w, d_out, **problem.attributes)
    d_w = reference.conv2d_backprop_filter(x, w.shape, d_out, **problem.attributes)
    assert_same(relations.conv2d_backprop_input_by_conv2d(halconv.conv2d, x.shape, w, d_out, **problem.attributes), d_x)
    assert_same(
        relations.conv2d_backprop_filter_by_conv2d(halconv.conv2d, x, w.shape, d_out, **problem.attributes), d_w
    )
    assert_same(relations.conv2d_transpose_by_conv2d(halconv.conv2d, d_out, w, x.shape, **problem.attributes), d_x)
    assert_same(
        relations.conv2d_backprop_input_by_conv2d_transpose(
            halconv.conv2d_transpose, x.shape, w, d_out, **problem.attributes
        ),
        d_x,
    )


@every_problem
def test_output_shape(problem):
    shape, paddings = halconv.conv2d_output_shape(problem.input_shape, problem.filter_shape, **problem.attributes)
    assert tuple(shape) == problem.output_shape
    assert tuple(map(tuple, paddings)) == problem.geometry.paddings
    strides = [1, *problem.strides, 1]
    in_full = problem.attributes | {"strides": strides, "dilations": [1, *problem.dilations, 1]}
    assert halconv.conv2d_output_shape(problem.input_shape, problem.filter_shape, **in_full) == (shape, paddings)


def test_same_bits_for_any_number_of_threads():
    random = np.random.default_rng(7)
    x, w = random.standard_normal((2, 19, 17, 24), np.float32), random.standard_normal((3, 3, 24, 40), np.float32)
    d_out = halconv.conv2d(x, w, 2, "SAME", threads=1)
    d_x = halconv.conv2d_backprop_input(x.shape, w, d_out, 2, "SAME", threads=1)
    d_w = halconv.conv2d_backprop_filter(x, w.shape, d_out, 2, "SAME", threads=1)
    for threads in (2, 7):
        np.testing.assert_array_equal(halconv.conv2d(x, w, 2, "SAME", threads=threads), d_out)
        np.testing.assert_array_equal(halconv.conv2d_backprop_input(x.shape, w, d_out, 2, "SAME", threads=threads), d_x)
        np.testing.assert_array_equal(
            halconv.conv2d_backprop_filter(x, w.shape, d_out, 2, "SAME", threads=threads), d_w
        )


def test_calls_from_several_threads():
    x, w = problems.integers((1, 12, 12, 8), 1), problems.integers((3, 3, 8, 16), 2)
    expected = reference.conv2d(x, w, 1, "SAME")
    results = []
    threads = [
        threading.Thread(target=lambda: results.extend(halconv.conv2d(x, w, 1, "SAME") for _ in range(20)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 80
    for result in results:
        np.testing.assert_array_equal(result, expected)


def test_inputs_may_be_read_only():
    x, w = problems.integers((1, 4, 4, 1), 1), problems.integers((3, 3, 1, 1), 2)
    x.setflags(write=False)
    assert_same(halconv.conv2d(x, w, 1, "VALID"), reference.conv2d(x, w, 1, "VALID"))


def test_shapes_may_be_lists_of_numpy_integers():
    x, w, d_out = (problems.integers(shape, 1) for shape in ((1, 4, 4, 1), (3, 3, 1, 1), (1, 2, 2, 1)))
    for sizes in ([1, 4, 4, 1], np.array([1, 4, 4, 1])):
        assert halconv.conv2d_backprop_input(sizes, w, d_out, 1, "VALID").shape == (1, 4, 4, 1)


class DlpackTensor:
    """Nothing but __dlpack__."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


def test_tensors_may_be_anything_with_dlpack():
    x, w = problems.integers((1, 4, 4, 1), 1), problems.integers((3, 3, 1, 2), 2)
    expected = reference.conv2d(x, w, 1, "VALID")
    assert_same(halconv.conv2d(DlpackTensor(x), DlpackTensor(w), 1, "VALID"), expected)


def test_dense_tensors_are_read_where_they_lie():
    x = problems.integers((1, 4, 4, 1), 1)
    for tensor in (x, DlpackTensor(x)):
        assert np.shares_memory(halconv._array("input", tensor), x)


def test_inputs_need_not_be_dense():
    x, w = problems.integers((2, 8, 4, 3), 1), problems.integers((3, 3, 3, 2), 2)
    every_second_row, turned = x[:, ::2], w[::-1]
    assert_same(
        halconv.conv2d(every_second_row, turned, 1, "SAME"), reference.conv2d(every_second_row, turned, 1, "SAME")
    )


def test_conv2d_takes_several_batch_dimensions():
    w = problems.integers((3, 3, 2, 4), 2)
    for batch in ((2, 3), (1, 2, 2), (0, 3)):
        x = problems.integers((*batch, 5, 6, 2), 1)
        expected = reference.conv2d(x.reshape(-1, 5, 6, 2) if x.size else np.zeros((0, 5, 6, 2)), w, 2, "SAME")
        assert_same(halconv.conv2d(x, w, 2, "SAME"), expected.reshape(*batch, 3, 3, 4))


def test_input_sizes_may_be_height_and_width():
    w, d_out = problems.integers((3, 2, 3, 4), 1), problems.integers((2, 4, 5, 4), 2)
    expected = reference.conv2d_backprop_input((2, 8, 5, 3), w, d_out, [2, 1], "SAME")
    for sizes in ((8, 5), [2, 8, 5, 3], np.array([8, 5])):
        assert_same(halconv.conv2d_backprop_input(sizes, w, d_out, [2, 1], "SAME"), expected)
        assert_same(halconv.conv2d_transpose(d_out, w, sizes, [2, 1]), expected)
        np.testing.assert_array_equal(reference.conv2d_backprop_input(sizes, w, d_out, [2, 1], "SAME"), expected)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"input": np.zeros((1, 4, 4, 1), np.uint16)}, "input is uint16, expected one of float32, float64, float16"),
        ({"filters": np.zeros((3, 3, 1, 1))}, "f64, expected all tensors of one dtype"),
        ({"target": "pdp11"}, "pdp11"),
        ({"threads": -1}, "threads"),
        ({"accuracy": "exact"}, "accuracy"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_a_value_error(arguments, message):
    fitting = {
        "input": np.zeros((1, 4, 4, 1), np.float32),
        "filters": np.zeros((3, 3, 1, 1), np.float32),
        "strides": 1,
        "padding": "VALID",
    }
    with pytest.raises(ValueError, match=message):
        halconv.conv2d(**(fitting | arguments))


def test_what_is_no_tensor_is_a_type_error():
    with pytest.raises(TypeError, match="input is a list, expected a NumPy array"):
        halconv.conv2d([[1.0]], np.zeros((3, 3, 1, 1), np.float32), 1, "VALID")


def test_kernels_and_their_choice():
    names = [kernel.name for kernel in halconv.kernels()]
    assert len(names) == len(set(names))
    for target in TARGETS:
        for operation in ("forward", "backward_input", "backward_filter"):
            problem = "mb1_ic5oc7_ih31oh31kh3ph1"  # of no suite
            chosen = f"conv2d_{operation}__generic__f32__{target}"
            assert chosen in names
            assert halconv.kernel_for(operation, problem, target) == chosen
            explained = halconv.explain(operation, problem, target).splitlines()
            assert any(chosen in line and "chosen" in line for line in explained)
    with pytest.raises(ValueError, match='operation is "sideways"'):
        halconv.explain("sideways", problem)
    with pytest.raises(ValueError, match="ic"):
        halconv.explain("forward", "mb1_ic0oc7_ih31kh3")


def test_suites(tmp_path):
    path = tmp_path / "suite.txt"
    path.write_text('# a comment\nmb1_ic64oc32_ih28oh14kh3sh2ph1_n"strided*3"\n')
    (entry,) = halconv.parse_suite(str(path))
    assert (entry.name, entry.repeat) == ("strided", 3)
    assert str(entry.problem) == "g1mb1_ic64oc32_ih28oh14kh3sh2ph1"
    assert entry.problem.pad_bottom == 0
    path.write_text("mb1_ic64\nmb1_xx3")
    with pytest.raises(ValueError, match="suite.txt:1:"):
        halconv.parse_suite(str(path))
    with pytest.raises(FileNotFoundError):
        halconv.parse_suite(str(tmp_path / "none.txt"))
