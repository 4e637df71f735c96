"""The instructions of the pickle machine: the 32 that `torch.save` writes, and no others.

None of them calls a method of a value that the file chose: they touch lists, dictionaries and
tuples by exact type, and the values of `inert.py`.
"""

import pickle
import struct
from collections.abc import Callable

from posekit.checkpoint.allowed import resolve_global
from posekit.checkpoint.inert import Call, ClassName, StorageRef, StorageType, Stub, TensorRef, checked_key
from posekit.checkpoint.machine import Machine
from posekit.errors import CheckpointError

_MAX_INTEGER_BYTES = 32  # states of random generators have 128 bits


def _protocol(machine: Machine) -> None:
    version = machine.number("<B")
    if version != 2:
        raise CheckpointError(
            f"pickle protocol {version}: save the file again with the default of torch.save, which is 2"
        )


def _mark(machine: Machine) -> None:
    machine.marked.append(machine.stack)
    machine.stack = []


def _pop(machine: Machine) -> None:
    machine.stack.pop()


def _long(machine: Machine) -> None:
    length = machine.number("<B")
    if length > _MAX_INTEGER_BYTES:
        raise CheckpointError(f"an integer of {length} bytes")
    machine.stack.append(int.from_bytes(machine.take(length), "little", signed=True))


def _float(machine: Machine) -> None:
    machine.stack.append(struct.unpack(">d", machine.take(8))[0])


def _text(machine: Machine) -> None:
    machine.stack.append(machine.take(machine.number("<I")).decode("utf-8", "surrogatepass"))


def _put(form: str) -> Callable[[Machine], None]:
    def put(machine: Machine) -> None:
        machine.memo[machine.number(form)] = machine.stack[-1]

    return put


def _get(form: str) -> Callable[[Machine], None]:
    def get(machine: Machine) -> None:
        machine.stack.append(machine.memo[machine.number(form)])

    return get


def _integer(form: str) -> Callable[[Machine], None]:
    def push(machine: Machine) -> None:
        machine.stack.append(machine.number(form))

    return push


def _constant(value: object) -> Callable[[Machine], None]:
    def push(machine: Machine) -> None:
        machine.stack.append(value)

    return push


def _empty_list(machine: Machine) -> None:
    machine.stack.append([])


def _empty_dict(machine: Machine) -> None:
    machine.stack.append({})


def _tuple_since_mark(machine: Machine) -> None:
    values = machine.since_mark()
    machine.stack.append(tuple(values))


def _tuple_of(count: int) -> Callable[[Machine], None]:
    def push(machine: Machine) -> None:
        values = [machine.stack.pop() for _ in range(count)]
        machine.stack.append(tuple(reversed(values)))

    return push


def _append(machine: Machine) -> None:
    value = machine.stack.pop()
    _extend(machine.stack[-1], [value])


def _appends(machine: Machine) -> None:
    values = machine.since_mark()
    _extend(machine.stack[-1], values)


def _extend(target: object, values: list[object]) -> None:
    if type(target) is not list:
        raise TypeError(f"values are appended to {type(target).__name__}")
    target.extend(values)


def _set_item(machine: Machine) -> None:
    value = machine.stack.pop()
    key = machine.stack.pop()
    _update(machine.stack[-1], [key, value])


def _set_items(machine: Machine) -> None:
    values = machine.since_mark()
    _update(machine.stack[-1], values)


def _update(target: object, flat: list[object]) -> None:
    """Store alternating keys and values into a dictionary."""
    if type(target) is not dict or len(flat) % 2:
        raise TypeError(f"{len(flat)} keys and values are stored into {type(target).__name__}")
    for key, value in zip(flat[::2], flat[1::2], strict=True):
        target[checked_key(key)] = value


def _global(machine: Machine) -> None:
    module = machine.line()
    machine.stack.append(resolve_global(module, machine.line()))


def _new_object(machine: Machine) -> None:
    args = machine.pop_tuple()
    origin = machine.stack.pop()
    if type(origin) is not ClassName:
        raise TypeError(f"an instance of {type(origin).__name__} is asked for")
    machine.stack.append(Stub(origin, args))


def _reduce(machine: Machine) -> None:
    args = machine.pop_tuple()
    target = machine.stack.pop()
    if type(target) is Call:
        machine.spend(args)
        machine.stack.append(target.function(*args))
    elif type(target) is ClassName:
        machine.stack.append(Stub(target, args))
    else:
        raise TypeError(f"a call of {type(target).__name__} is asked for")


def _build(machine: Machine) -> None:
    state = machine.stack.pop()
    target = machine.stack[-1]
    if type(target) is Stub:
        target.state = state
    elif type(target) not in (dict, TensorRef):  # attributes of a state dict or tensor have no use here
        raise TypeError(f"state is stored into {type(target).__name__}")


def _persistent(machine: Machine) -> None:
    match machine.stack.pop():
        case ("storage", StorageType(dtype=dtype), str(key), _, int(count)) if count >= 0:
            machine.stack.append(StorageRef(key, dtype, count))
        case _:
            raise TypeError("a reference to something else than a tensor storage")


INSTRUCTIONS: dict[int, Callable[[Machine], None]] = {
    code[0]: instruction
    for code, instruction in (
        (pickle.PROTO, _protocol),
        (pickle.MARK, _mark),
        (pickle.POP, _pop),
        (pickle.NONE, _constant(None)),
        (pickle.NEWTRUE, _constant(True)),
        (pickle.NEWFALSE, _constant(False)),
        (pickle.BININT, _integer("<i")),
        (pickle.BININT1, _integer("<B")),
        (pickle.BININT2, _integer("<H")),
        (pickle.LONG1, _long),
        (pickle.BINFLOAT, _float),
        (pickle.BINUNICODE, _text),
        (pickle.EMPTY_LIST, _empty_list),
        (pickle.EMPTY_DICT, _empty_dict),
        (pickle.EMPTY_TUPLE, _constant(())),
        (pickle.TUPLE, _tuple_since_mark),
        (pickle.TUPLE1, _tuple_of(1)),
        (pickle.TUPLE2, _tuple_of(2)),
        (pickle.TUPLE3, _tuple_of(3)),
        (pickle.APPEND, _append),
        (pickle.APPENDS, _appends),
        (pickle.SETITEM, _set_item),
        (pickle.SETITEMS, _set_items),
        (pickle.BINPUT, _put("<B")),
        (pickle.LONG_BINPUT, _put("<I")),
        (pickle.BINGET, _get("<B")),
        (pickle.LONG_BINGET, _get("<I")),
        (pickle.GLOBAL, _global),
        (pickle.NEWOBJ, _new_object),
        (pickle.REDUCE, _reduce),
        (pickle.BUILD, _build),
        (pickle.BINPERSID, _persistent),
    )
}
"""What each opcode does; STOP, which ends a program, is not among them."""
