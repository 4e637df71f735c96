"""Runs ML programs (Core ML) by PyTorch, on any system: what a file computes, if not with the kernels of Apple.

The program is read from the file by the reader of coremltools, weights included; each operation is written here from
its published description.
"""

import numpy as np
import torch
import torch.nn.functional as F
from coremltools.converters.mil.frontend.milproto.load import load
from coremltools.models import MLModel

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "int32": torch.int32, "bool": torch.bool}


def evaluate(path, images):
    """Return the outputs of a package by name, for images (B, 3, H, W) float32 in [0, 1].

    Raises:
        NotImplementedError: operations of the program are not written here; all are named.
    """
    spec = MLModel(str(path), skip_model_load=True).get_spec()
    weights = path / "Data/com.apple.CoreML/weights"
    (function,) = load(spec, spec.specificationVersion, str(weights)).functions.values()
    lacking = sorted({one.op_type for one in function.operations} - set(OPERATIONS) - {"const"})
    if lacking:
        raise NotImplementedError(f"operations that the evaluator lacks: {', '.join(lacking)}")
    known = {name: torch.from_numpy(images) for name in function.inputs}
    with torch.no_grad():
        for one in function.operations:
            if one.op_type == "const":
                continue
            made = OPERATIONS[one.op_type](Inputs(one, known))
            made = made if isinstance(made, (tuple, list)) else (made,)
            known |= {variable.name: value for variable, value in zip(one.outputs, made, strict=True)}
    return {variable.name: known[variable.name].float().numpy() for variable in function.outputs}


class Inputs:
    """The inputs of an operation: tensors that were computed or stored, by attribute; plain values by `value`."""

    def __init__(self, operation, known):
        self.operation = operation
        self.known = known

    def __getattr__(self, name):
        return self.tensor(self.operation.inputs[name])

    def has(self, name):
        return self.operation.inputs.get(name) is not None

    def tensor(self, variable):
        if isinstance(variable, (tuple, list)):
            return [self.tensor(one) for one in variable]
        return self.known[variable.name] if variable.name in self.known else torch.as_tensor(np.asarray(variable.val))

    def value(self, name, default=None):
        if not self.has(name):
            return default
        variable = self.operation.inputs[name]
        value = variable.val if variable.val is not None else self.known[variable.name]
        return value.tolist() if hasattr(value, "tolist") else value


def conv(i):
    x, sides = i.x, len(i.x.shape) - 2
    kind = i.value("pad_type", "valid")
    pad = i.value("pad", [0] * 2 * sides) if kind == "custom" else [0] * 2 * sides
    assert kind in ("valid", "custom"), kind
    x = F.pad(x, [amount for axis in reversed(range(sides)) for amount in pad[2 * axis : 2 * axis + 2]])
    bias = i.bias if i.has("bias") else None
    convolve = (F.conv1d, F.conv2d, F.conv3d)[sides - 1]
    ones = [1] * sides
    return convolve(x, i.weight, bias, i.value("strides", ones), 0, i.value("dilations", ones), i.value("groups", 1))


def conv_transpose(i):
    assert i.value("pad_type", "valid") in ("valid", "custom")
    pad = i.value("pad", [0, 0, 0, 0])
    made = F.conv_transpose2d(
        i.x, i.weight, i.bias if i.has("bias") else None, i.value("strides", [1, 1]), 0, 0, i.value("groups", 1)
    )
    return made[:, :, pad[0] : made.shape[2] - pad[1], pad[2] : made.shape[3] - pad[3]]


def max_pool(i):
    pad = i.value("pad", [0, 0, 0, 0]) if i.value("pad_type") == "custom" else [0, 0, 0, 0]
    x = F.pad(i.x, (pad[2], pad[3], pad[0], pad[1]), value=-torch.inf)
    return F.max_pool2d(x, i.value("kernel_sizes"), i.value("strides"))


def slice_by_index(i):
    x = i.x
    free = [False] * x.ndim
    begin_free, end_free = i.value("begin_mask", free), i.value("end_mask", free)
    steps = i.value("stride", [1] * x.ndim)
    places = []
    for axis, size in enumerate(x.shape):
        first = 0 if begin_free[axis] else i.value("begin")[axis]
        last = size if end_free[axis] else i.value("end")[axis]
        places.append(first if i.value("squeeze_mask", free)[axis] else slice(first, last, steps[axis]))
    return x[tuple(places)]


def split(i):
    sizes = i.value("split_sizes") or i.x.shape[i.value("axis")] // i.value("num_splits")
    return torch.split(i.x, sizes, i.value("axis"))


def matmul(i):
    x = i.x.transpose(-1, -2) if i.value("transpose_x", False) else i.x
    y = i.y.transpose(-1, -2) if i.value("transpose_y", False) else i.y
    return x @ y


def reduced(function):
    return lambda i: function(i.x, i.value("axes"), keepdim=i.value("keep_dims", False))


def reduce_argmax(i):
    return i.x.argmax(i.value("axis", -1), keepdim=i.value("keep_dims", True)).int()


def topk(i):
    best = i.x.topk(i.value("k"), i.value("axis", -1), largest=not i.value("ascending", False))
    return best.values, best.indices.int()


def layer_norm(i):
    axes = [axis % i.x.ndim for axis in i.value("axes")]
    shape = [i.x.shape[axis] for axis in axes]
    return F.layer_norm(
        i.x, shape, i.gamma if i.has("gamma") else None, i.beta if i.has("beta") else None, i.value("epsilon", 1e-5)
    )


def dequantized(i):
    """8-bit weights: (data - zero point) * scale, along one axis."""
    data, axis = i.quantized_data, i.value("axis")
    shape = [-1 if number == axis else 1 for number in range(data.ndim)]
    scale = i.scale.reshape(shape) if i.scale.ndim else i.scale
    zero = i.zero_point.reshape(shape) if i.zero_point.ndim else i.zero_point
    return (data.to(scale.dtype) - zero.to(scale.dtype)) * scale


def gather(i):
    """Rows of a table along one axis, by an array of indices."""
    assert i.value("batch_dims", 0) == 0
    axis, indices = i.value("axis", 0) % i.x.ndim, i.indices.long()
    picked = i.x.index_select(axis, indices.flatten())
    return picked.unflatten(axis, indices.shape) if indices.ndim else picked.squeeze(axis)


def resample(i):
    """Bilinear sampling at (x, y) from -1 to 1, zeros outside."""
    assert i.value("sampling_mode") == "bilinear"
    assert i.value("padding_mode") == "constant"
    assert i.value("padding_value") == 0
    assert i.value("coordinates_mode") == "normalized_minus_one_to_one"
    return F.grid_sample(i.x, i.coordinates.to(i.x.dtype), "bilinear", "zeros", i.value("align_corners"))


def padded(i):
    """Constant values around the last axes, or all."""
    assert i.value("mode") == "constant"
    amounts = i.value("pad")
    pairs = [amounts[place : place + 2] for place in range(0, len(amounts), 2)]
    return F.pad(i.x, [amount for pair in reversed(pairs) for amount in pair], value=i.value("constant_val"))


def linear(i):
    return F.linear(i.x, i.weight, i.bias if i.has("bias") else None)


def gelu(i):
    return F.gelu(i.x, approximate="none" if i.value("mode", "EXACT") == "EXACT" else "tanh")


def clip(i):
    return i.x.clamp(i.value("alpha"), i.value("beta"))


OPERATIONS = {
    "add": lambda i: i.x + i.y,
    "cast": lambda i: i.x.to(DTYPES[i.value("dtype")]),
    "clip": clip,
    "concat": lambda i: torch.cat(i.values, i.value("axis")),
    "constexpr_affine_dequantize": dequantized,
    "conv": conv,
    "conv_transpose": conv_transpose,
    "cos": lambda i: i.x.cos(),
    "equal": lambda i: i.x == i.y,
    "exp": lambda i: i.x.exp(),
    "expand_dims": lambda i: i.x[
        tuple(None if a in i.value("axes") else slice(None) for a in range(i.x.ndim + len(i.value("axes"))))
    ],
    "floor": lambda i: i.x.floor(),
    "gather": gather,
    "gather_along_axis": lambda i: i.x.gather(i.value("axis"), i.indices.long()),
    "gelu": gelu,
    "greater": lambda i: i.x > i.y,
    "layer_norm": layer_norm,
    "less": lambda i: i.x < i.y,
    "linear": linear,
    "logical_not": lambda i: ~i.x,
    "matmul": matmul,
    "max_pool": max_pool,
    "maximum": lambda i: torch.maximum(i.x, i.y),
    "minimum": lambda i: torch.minimum(i.x, i.y),
    "mul": lambda i: i.x * i.y,
    "pad": padded,
    "real_div": lambda i: i.x / i.y,
    "reduce_argmax": reduce_argmax,
    "reduce_max": reduced(torch.amax),
    "reduce_sum": reduced(torch.sum),
    "relu": lambda i: i.x.relu(),
    "resample": resample,
    "reshape": lambda i: i.x.reshape(i.value("shape")),
    "round": lambda i: i.x.round(),
    "sigmoid": lambda i: i.x.sigmoid(),
    "silu": lambda i: F.silu(i.x),
    "sin": lambda i: i.x.sin(),
    "slice_by_index": slice_by_index,
    "softmax": lambda i: i.x.softmax(i.value("axis", -1)),
    "split": split,
    "sqrt": lambda i: i.x.sqrt(),
    "squeeze": lambda i: i.x.squeeze(tuple(i.value("axes"))),
    "stack": lambda i: torch.stack(i.values, i.value("axis")),
    "sub": lambda i: i.x - i.y,
    "tile": lambda i: i.x.repeat(i.value("reps")),
    "topk": topk,
    "transpose": lambda i: i.x.permute(i.value("perm")),
    "upsample_nearest_neighbor": lambda i: F.interpolate(
        i.x, scale_factor=(i.value("scale_factor_height"), i.value("scale_factor_width"))
    ),
}
