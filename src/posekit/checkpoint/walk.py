"""Walks a pickled network and lists its tensors under the names of the state dict."""

from collections.abc import Iterator
from typing import Any

from posekit.checkpoint.inert import Stub, TensorRef
from posekit.errors import CheckpointError

MAX_MODULES = 20_000
"""Most modules that are visited; a module counts once for each place it is used in."""

MAX_TENSORS = 100_000
"""Most tensors that a network may have."""

_MAX_TABLE = 2_000
_MAX_NAME = 512


def modules(root: Stub) -> Iterator[tuple[str, Stub]]:
    """Yield the dotted name and the stub of every module, parents first, in stored order.

    The root has the name "". Places whose module was removed (None) are skipped.

    Raises:
        CheckpointError: if something else than modules is found, or too many or too deep ones.
    """
    pending = [("", root)]
    for _ in range(MAX_MODULES):
        if not pending:
            return
        name, module = pending.pop()
        yield name, module
        pending.extend(reversed(_children(name, module)))
    raise CheckpointError(f"the network has more than {MAX_MODULES} modules")


def tensor_refs(root: Stub) -> dict[str, TensorRef]:
    """Return the persistent parameters and buffers of a network by state-dict name, in order.

    Raises:
        CheckpointError: as `modules`, or if an entry is no tensor.
    """
    refs: dict[str, TensorRef] = {}
    for name, module in modules(root):
        refs.update(_tensors(name, _table(name, module, "_parameters")))
        refs.update(_tensors(name, _persistent_buffers(name, module)))
        if len(refs) > MAX_TENSORS:
            raise CheckpointError(f"the network has more than {MAX_TENSORS} tensors")
    return refs


def _tensors(name: str, table: dict[str, Any]) -> Iterator[tuple[str, TensorRef]]:
    for key, ref in table.items():
        if isinstance(ref, TensorRef):
            yield _joined(name, key), ref
        elif ref is not None:
            raise CheckpointError(f"{_joined(name, key)} is {type(ref).__name__} instead of a tensor")


def _persistent_buffers(name: str, module: Stub) -> dict[str, Any]:
    skipped = module.attributes.get("_non_persistent_buffers_set")
    skipped = skipped if isinstance(skipped, set) else set()
    return {key: buffer for key, buffer in _table(name, module, "_buffers").items() if key not in skipped}


def _children(name: str, module: Stub) -> list[tuple[str, Stub]]:
    children = []
    for key, child in _table(name, module, "_modules").items():
        if isinstance(child, Stub):
            children.append((_joined(name, key), child))
        elif child is not None:
            raise CheckpointError(f"{_joined(name, key)} is {type(child).__name__} instead of a module")
    return children


def _table(name: str, module: Stub, group: str) -> dict[str, Any]:
    """Return one of the three tables of a module, checked to be a dictionary of plain names."""
    table = module.attributes.get(group, {})
    if not isinstance(table, dict) or len(table) > _MAX_TABLE:
        raise CheckpointError(f"module {name or 'root'} has no readable {group}")
    return table


def _joined(name: str, key: object) -> str:
    if not isinstance(key, str) or not key or "." in key or len(name) + len(key) > _MAX_NAME:
        raise CheckpointError(f"a part of ...{name[-80:]} has no plain name, or modules are nested too deeply")
    return f"{name}.{key}" if name else key
