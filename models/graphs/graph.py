"""A few calls that write an ONNX graph, so that a model reads as what it computes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import ArrayLike
from onnx import TensorProto, helper, numpy_helper

#: Operators of ONNX Runtime's own: fused ones that the standard lacks.
CONTRIB = "com.microsoft"

_OPSET = 18
_IR_VERSION = 9  # the oldest that the operator set allows: older runtimes read it as well

_TYPES = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int64): TensorProto.INT64}


class Graph:
    """A graph while it is being written; values are known by their names."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._count = 0

    def input(
        self, name: str, shape: Sequence[int | str], dtype: type[np.generic] = np.float32
    ) -> str:
        """Declare an input; a dimension that is a word may have any size."""
        kind = _TYPES[np.dtype(dtype)]
        self._inputs.append(helper.make_tensor_value_info(name, kind, list(shape)))
        return name

    def output(self, name: str, value: str) -> None:
        """Declare that a float32 value leaves the graph under a name."""
        self._nodes.append(helper.make_node("Identity", [value], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))

    def floats(self, values: ArrayLike) -> str:
        """Return a float32 constant."""
        return self._constant(np.asarray(values).astype(np.float32))

    def integers(self, values: ArrayLike, dtype: type[np.integer] = np.int64) -> str:
        """Return a constant of whole numbers; int64 are shapes, axes and indices."""
        return self._constant(np.asarray(values).astype(dtype))

    def bytes(self, values: ArrayLike) -> str:
        """Return a uint8 constant."""
        return self.integers(values, np.uint8)

    def op(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Return the value of an operator that has one."""
        return self.ops(kind, *inputs, count=1, domain=domain, **attributes)[0]

    def ops(
        self, kind: str, *inputs: str, count: int, domain: str = "", **attributes: Any
    ) -> list[str]:
        """Return the values of an operator that has several."""
        outputs = [self._name() for _ in range(count)]
        node = helper.make_node(kind, list(inputs), outputs, domain=domain, **attributes)
        self._nodes.append(node)
        return outputs

    def affine(self, value: str, weight: ArrayLike, bias: ArrayLike) -> str:
        """Return ``value @ weight + bias`` of a matrix."""
        return self.op("Gemm", value, self.floats(weight), self.floats(bias))

    def reshape(self, value: str, *shape: int) -> str:
        """Return the same numbers in another shape; -1 stands for what is left."""
        return self.op("Reshape", value, self.integers(shape))

    def model(self) -> onnx.ModelProto:
        """Return the graph as an ONNX model."""
        graph = helper.make_graph(
            self._nodes, "earmark", self._inputs, self._outputs, self._constants
        )
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(CONTRIB, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)

    def session(self, *, threads: int) -> onnxruntime.InferenceSession:
        """Return the graph ready to run on so many threads of the processor."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors, which are raised as well
        return onnxruntime.InferenceSession(
            self.model().SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def _constant(self, values: np.ndarray) -> str:
        name = self._name()
        self._constants.append(numpy_helper.from_array(values, name))
        return name

    def _name(self) -> str:
        self._count += 1
        return f"v{self._count}"
