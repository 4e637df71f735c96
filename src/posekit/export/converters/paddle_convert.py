"""Convert an ONNX file to PaddlePaddle: a script of its own, without posekit.

Its one argument is a JSON table: ``onnx`` and ``target``, a new folder for the network (``model.json`` or
``model.pdmodel``) and its weights (``model.pdiparams``).
"""

import io
import json
import re
import sys
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import Any

import onnx
from x2paddle.convert import onnx2paddle
from x2paddle.optimizer.optimizer import GraphOptimizer

NETWORKS = ("model.json", "model.pdmodel")
WEIGHTS = "model.pdiparams"
# Joins what normalises a layer, and loses what two of them share.
WRONG_PASS = "onnx_layernorm_fuse_pass"


def without_dilations(source: str, target: str) -> None:
    """Drop dilations of 1 from pooling, which x2paddle refuses whatever they say."""
    model = onnx.load(source)
    for node in model.graph.node:
        if node.op_type == "MaxPool":
            for attribute in [one for one in node.attribute if one.name == "dilations"]:
                if set(attribute.ints) != {1}:
                    raise ValueError(f"pooling {node.name} has dilations {list(attribute.ints)}")
                node.attribute.remove(attribute)
    onnx.save(model, target)


def main() -> None:
    """Convert as the argument says."""
    wanted = json.loads(sys.argv[1])
    without_dilations(wanted["onnx"], "source.onnx")
    optimize = GraphOptimizer.optimize

    def optimize_rightly(optimizer: GraphOptimizer, graph: Any) -> Any:
        optimizer.passes = [one for one in optimizer.passes if one != WRONG_PASS]
        return optimize(optimizer, graph)

    GraphOptimizer.optimize = optimize_rightly
    # It leaves with any status, after errors as well: what it has written counts. Without its reports about who
    # converts what, which it would send over the network.
    said = io.StringIO()
    try:
        with redirect_stdout(said), suppress(SystemExit):
            onnx2paddle("source.onnx", "made", disable_feedback=True)
    except Exception as error:
        lacking = re.findall(r"^=+ (\w+) =+$", said.getvalue(), re.MULTILINE)
        raise ValueError(f"x2paddle has no {', '.join(lacking)}" if lacking else str(error)) from error
    made = Path("made/inference_model")
    network = next((made / name for name in NETWORKS if (made / name).is_file()), None)
    if network is None or not (made / WEIGHTS).is_file():
        print(said.getvalue())
        sys.exit(1)  # the last line that it printed says why
    target = Path(wanted["target"])
    target.mkdir()
    for file in (network, made / WEIGHTS):
        (target / file.name).write_bytes(file.read_bytes())


if __name__ == "__main__":
    main()
