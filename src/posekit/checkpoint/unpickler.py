"""A small pickle machine that can build data and nothing else.

It is written out instead of subclassing `pickle.Unpickler`, whose memo and byte-array instructions
allocate what a file asks for, and whose BUILD and APPEND call methods of whatever lies on the
stack. Here nothing is imported, and nothing is called but the functions of `allowed.py`.
"""

import pickle
import pickletools
import struct

from posekit.checkpoint.instructions import INSTRUCTIONS
from posekit.checkpoint.machine import Machine
from posekit.errors import CheckpointError

MAX_INSTRUCTIONS = 2_000_000
"""Longest program that is run; a YOLO26n-pose file saved during training needs 100 000 instructions."""

# What a malformed program runs into: short data, an empty stack, a missing memo entry, a wrong type.
_PROGRAM_PROBLEMS = (IndexError, KeyError, TypeError, ValueError, OverflowError, struct.error)


def unpickle(data: bytes) -> object:
    """Build the object graph that a pickle describes, without importing or calling anything it names.

    Args:
        data: a protocol-2 pickle as `torch.save` writes it.

    Returns:
        Plain values, with `Stub` for instances, `ClassName` for classes and `TensorRef` for tensors.

    Raises:
        CheckpointError: for damaged pickles, names and instructions that no checkpoint needs.
    """
    machine = Machine(data)
    try:
        return _run(machine)
    except CheckpointError:  # a ValueError too, but one that already explains itself
        raise
    except _PROGRAM_PROBLEMS as error:
        raise CheckpointError(
            f"the object graph is damaged at byte {machine.at} ({error}): fetch the file again"
        ) from error


def _run(machine: Machine) -> object:
    for _ in range(MAX_INSTRUCTIONS):
        code = machine.data[machine.at]
        machine.at += 1
        instruction = INSTRUCTIONS.get(code)
        if instruction is not None:
            instruction(machine)
        elif code == pickle.STOP[0]:
            return machine.stack.pop()
        else:
            raise CheckpointError(_refusal(code))
    raise CheckpointError(f"the object graph has more than {MAX_INSTRUCTIONS} instructions; no network needs so many")


def _refusal(code: int) -> str:
    known = next((op.name for op in pickletools.opcodes if ord(op.code) == code), None)
    name = f"0x{code:02x}" if known is None else f"{known} (0x{code:02x})"
    return f"the object graph uses the pickle instruction {name}, which torch.save does not write; nothing was run"
