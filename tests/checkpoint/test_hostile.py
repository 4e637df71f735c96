"""Nothing in a file can run: each attack ends in a CheckpointError, without trace and without effect."""

import os
import pickle
import re
import struct
import subprocess
import zipfile

import pytest

from posekit.checkpoint.checkpoint import read_checkpoint
from posekit.errors import CheckpointError


class Reduced:
    """Pickles itself as a call."""

    def __init__(self, function, *args):
        self.call = (function, args)

    def __reduce__(self):
        return self.call


def repeated_text(p, size, times):
    """A list that holds one text many times over: few bytes, which grow when the list is printed."""
    return p.Raw(p.code("x" * size) + put(0) + b"](" + get(0) * times + b"e")


def shell(canary):
    return f"touch {canary}"


def source(canary):
    return f"open({str(canary)!r}, 'w').close()"


def within_network(p, attack):
    """Hide an attack among the attributes of an otherwise sound network."""
    return p.program({"model": p.network(criterion=attack)})


def nested_tuple(depth):
    return b")" + b"\x85" * depth


def laughs(levels):
    """A list that holds the list below twice: 2**levels places, few bytes."""
    return b"]q\x000" + b"".join(b"](%be" % (get(n) * 2) + put(n + 1) for n in range(levels)) + get(levels)


def put(number):
    return b"q" + bytes([number]) + b"0"


def get(number):
    return b"h" + bytes([number])


def chain_of_modules(p, levels):
    """A network whose modules hold the module below twice: 2**levels places, few bytes."""
    new = p.global_code("torch.nn.modules.container.Sequential") + b")\x81"
    chain = new + put(0)
    for n in range(levels):
        chain += new + p.code({"_modules": {"a": p.Raw(get(n)), "b": p.Raw(get(n))}}) + b"b" + put(n + 1)
    return p.Raw(chain + p.code(p.Instance("ultralytics.nn.tasks.PoseModel", {"_modules": {"m": p.Raw(get(levels))}})))


def module_in_itself(p):
    new = p.global_code("ultralytics.nn.tasks.PoseModel") + b")\x81q\x00"
    return p.Raw(new + p.code({"_modules": {"model": p.Raw(get(0))}}) + b"b")


# Each makes the bytes of data.pkl from the opcode writer and the path of a file that must not appear.
RUNNING = {
    "os.system": lambda p, c: p.program(p.Called("os.system", (shell(c),))),
    "posix.system": lambda p, c: p.program(p.Called("posix.system", (shell(c),))),
    "subprocess.Popen": lambda p, c: p.program(p.Called("subprocess.Popen", (["touch", str(c)],))),
    "builtins.eval": lambda p, c: p.program(p.Called("builtins.eval", (source(c),))),
    "builtins.exec": lambda p, c: p.program(p.Called("__builtin__.exec", (source(c),))),
    "builtins.open": lambda p, c: p.program(p.Called("io.open", (str(c), "w"))),
    "__import__": lambda p, c: p.program(p.Called("__builtin__.__import__", ("os",))),
    "reduce": lambda p, c: pickle.dumps(Reduced(os.system, shell(c)), 2),
    "reduce protocol 0": lambda p, c: pickle.dumps(Reduced(os.system, shell(c)), 0),
    "reduce protocol 4": lambda p, c: pickle.dumps(Reduced(os.system, shell(c)), 4),
    "reduce protocol 5": lambda p, c: pickle.dumps({"model": Reduced(subprocess.call, ["touch", str(c)])}, 5),
    "inside a network": lambda p, c: within_network(p, p.Called("os.system", (shell(c),))),
    "torch.load": lambda p, c: p.program(p.Called("torch.load", ("other.pt",))),
    "torch.hub": lambda p, c: p.program(p.Called("torch.hub.load", ("evil/repo", "model"))),
    "runpy": lambda p, c: p.program(p.Called("runpy._run_code", (source(c), {}))),
    "numpy reconstruct": lambda p, c: p.program(p.Called("numpy.core.multiarray._reconstruct", ())),
    "class in a dotted name": lambda p, c: p.program(p.Called("torch.nn.modules.os.system", (shell(c),))),
    "getattr": lambda p, c: p.program(
        p.Raw(p.code(p.Called("builtins.getattr", (p.Raw(p.global_code("torch.nn.modules.os")), "system")))
              + p.code((shell(c),)) + b"R")),
    "getattr of a function": lambda p, c: p.program(p.Raw(
        p.code(p.Called("__builtin__.getattr", (p.Raw(p.global_code("_codecs.encode")), "__globals__"))) + b")R")),
    "getattr of a class": lambda p, c: p.program(
        p.Raw(p.code(p.Called("__builtin__.getattr", (p.Instance("ultralytics.nn.Model"), "__class__"))) + b")\x81")),
    "call of an instance": lambda p, c: p.program(p.Raw(p.code(p.Instance("ultralytics.nn.Model")) + b")R")),
    "STACK_GLOBAL": lambda p, c: b"\x80\x02" + p.code("os") + p.code("system") + b"\x93" + p.code((shell(c),)) + b"R.",
    "INST": lambda p, c: b"\x80\x02(" + p.code(shell(c)) + b"ios\nsystem\n.",
    "OBJ": lambda p, c: b"\x80\x02(cos\nsystem\n" + p.code(shell(c)) + b"o.",
    "NEWOBJ_EX": lambda p, c: b"\x80\x02cultralytics.nn\nModel\n)}\x92.",
    "EXT1": lambda p, c: b"\x80\x02\x82\x01)R.",
    "EXT4": lambda p, c: b"\x80\x02\x84\x01\x00\x00\x00)R.",
    "PERSID": lambda p, c: b"\x80\x02Pstorage\n.",
    "NEXT_BUFFER": lambda p, c: b"\x80\x02\x97.",
}  # fmt: skip

# BUILD, APPEND and their like on values that are not what they claim to be.
CONFUSING = {
    "BUILD on a function": lambda p, c: p.program(
        p.Raw(p.global_code("_codecs.encode") + p.code({"__code__": 1}) + b"b")),
    "BUILD slots on a function": lambda p, c: p.program(
        p.Raw(p.global_code("torch._utils._rebuild_tensor_v2") + p.code((None, {"__defaults__": (1,)})) + b"b")),
    "BUILD on a class": lambda p, c: p.program(
        p.Raw(p.global_code("ultralytics.nn.Model") + p.code({"__setstate__": 1}) + b"b")),
    "BUILD slots on a class": lambda p, c: p.program(
        p.Raw(p.global_code("torch.nn.modules.conv.Conv2d") + p.code((None, {"origin": 1})) + b"b")),
    "BUILD on a storage type": lambda p, c: p.program(
        p.Raw(p.global_code("torch.HalfStorage") + p.code({"dtype": "system"}) + b"b")),
    "BUILD on a set": lambda p, c: p.program(
        p.Raw(p.code(p.Called("builtins.set", ([1],))) + p.code({"add": 1}) + b"b")),
    "BUILD on a list": lambda p, c: p.program(p.Raw(b"]" + p.code({"append": 1}) + b"b")),
    "APPEND to an instance": lambda p, c: p.program(
        p.Raw(p.code(p.Instance("ultralytics.nn.Model", {"append": p.Raw(p.global_code("_codecs.encode"))})) + b"Na")),
    "APPENDS to an instance": lambda p, c: p.program(p.Raw(
        p.code(p.Instance("ultralytics.nn.Model", {"extend": p.Raw(p.global_code("_codecs.encode"))})) + b"(NNe")),
    "SETITEM on an instance": lambda p, c: p.program(
        p.Raw(p.code(p.Instance("ultralytics.nn.Model", {"__setitem__": 1})) + b"NNs")),
    "SETITEM on a list": lambda p, c: p.program(p.Raw(p.code([1]) + b"K\x00K\x01s")),
    "instance of a function": lambda p, c: p.program(p.Raw(p.global_code("_codecs.encode") + b")\x81")),
    "instance of a storage type": lambda p, c: p.program(p.Raw(p.global_code("torch.HalfStorage") + b")\x81")),
    "arguments in a list": lambda p, c: p.program(p.Raw(p.global_code("_codecs.encode") + b"]R")),
    "attributes that shadow": lambda p, c: p.program(
        p.Instance("ultralytics.nn.Model", {"__class__": 1, "attributes": 2, "origin": 3, "state": 4})),
    "tensor without storage": lambda p, c: p.program(
        p.Called("torch._utils._rebuild_tensor_v2", ("0", 0, (1,), (1,), False, None))),
    "parameter without tensor": lambda p, c: p.program(p.Called("torch._utils._rebuild_parameter", (1, True, None))),
    "persistent id of another kind": lambda p, c: p.program(p.Raw(p.code(("module", "os")) + b"Q")),
    "storage of a wrong type": lambda p, c: p.program(p.Raw(p.code(("storage", "HalfStorage", "0", "cpu", 1)) + b"Q")),
    "storage outside the archive": lambda p, c: p.program({"model": p.network(p.Tensor(key="../../../etc/passwd"))}),
    "storage called data.pkl": lambda p, c: p.program({"model": p.network(p.Tensor(key="../data.pkl"))}),
    "encoding with a side": lambda p, c: p.program(p.Called("_codecs.encode", ("ab", "zlib_codec"))),
    "empty stack": lambda p, c: b"\x80\x02R.",
    "no mark": lambda p, c: b"\x80\x02t.",
    "unknown memo": lambda p, c: b"\x80\x02h\x05.",
    "no end": lambda p, c: b"\x80\x02N",
    "nothing": lambda p, c: b"",
    "unknown instruction": lambda p, c: b"\x80\x02\xff.",
    "no dictionary": lambda p, c: p.program([1, 2, 3]),
}  # fmt: skip

# What would eat memory or time.
BOMBS = {
    "memo index": lambda p, c: b"\x80\x02Nr\xff\xff\xff\x7f.",
    "text length": lambda p, c: b"\x80\x02X\xff\xff\xff\xff.",
    "integer length": lambda p, c: b"\x80\x02\x8b\xff\xff\xff\x7f.",
    "byte array length": lambda p, c: b"\x80\x02\x96" + struct.pack("<Q", 2**40) + b".",
    "instructions": lambda p, c: b"\x80\x02" + b"]" * 3_000_000 + b".",
    "marks": lambda p, c: b"\x80\x02" + b"(" * 3_000_000 + b".",
    "names without end": lambda p, c: b"\x80\x02c" + b"a" * 1_000_000,
    "deep lists": lambda p, c: b"\x80\x02]" + b"]" * 900_000 + b"a" * 900_000 + b".",
    "deep lists in a definition": lambda p, c: p.program(
        {"model": p.network(yaml={"head": p.Raw(b"]" + b"]" * 500_000 + b"a" * 500_000)})}),
    "deep tuple as key": lambda p, c: b"\x80\x02}" + nested_tuple(500_000) + b"Ns.",
    "deep tuple in a set": lambda p, c: p.program(p.Called("builtins.set", ([p.Raw(nested_tuple(500_000))],))),
    "deep tuple as dtype": lambda p, c: p.program(p.Called("numpy.core.multiarray.scalar", (
        p.Called("numpy.dtype", (p.Raw(nested_tuple(500_000)),)), p.Called("_codecs.encode", ("abcd", "latin1"))))),
    "laughs as dtype": lambda p, c: p.program(p.Called("numpy.core.multiarray.scalar", (
        p.Called("numpy.dtype", (p.Raw(laughs(60)),)), p.Called("_codecs.encode", ("abcd", "latin1"))))),
    "laughs in a definition": lambda p, c: p.program({"model": p.network(yaml={"head": p.Raw(laughs(60))})}),
    "laughs of few levels": lambda p, c: p.program({"model": p.network(yaml={"head": p.Raw(laughs(25))})}),
    "laughs in modules": lambda p, c: p.program({"model": chain_of_modules(p, 60)}),
    "module in itself": lambda p, c: p.program({"model": module_in_itself(p)}),
    "copies of a text": lambda p, c: b"\x80\x02](" + p.code("x" * 1_000_000) + b"q\x00"
        + (p.global_code("_codecs.encode") + b"h\x00" + p.code("latin1") + b"\x86R") * 10_000 + b"e.",
    "copies of a set": lambda p, c: b"\x80\x02](" + p.code(list(range(100_000))) + b"q\x00"
        + (p.global_code("builtins.set") + b"h\x00\x85R") * 10_000 + b"e.",
    "huge keys": lambda p, c: b"\x80\x02}" + p.code("x" * 100_000) + b"Ns.",
    "colliding keys": lambda p, c: p.program({k * (2**61 - 1): None for k in range(2**62, 2**62 + 10)}),
    "keys of 61 bits": lambda p, c: p.program({"model": p.network(extra={2**60: 1})}),
    "keys with fractions": lambda p, c: p.program({"model": p.network(extra={0.1: 1})}),
    "keys in tuples": lambda p, c: p.program({"model": p.network(extra={(2**60, 1): 1})}),
    "members of sets": lambda p, c: p.program({"model": p.network(extra=p.Called("builtins.set", ([2**60],)))}),
    "names of many texts": lambda p, c: p.program({"model": p.network(names={0: repeated_text(p, 20_000_000, 1000)})}),
    "points of many texts": lambda p, c: p.program({"model": p.network(
        kpt_shape=[2, 3], kpt_names=[repeated_text(p, 20_000_000, 1000), "b"])}),
    "long task": lambda p, c: p.program({"model": p.network(task="x" * 5_000_000)}),
    "empty and endless": lambda p, c: p.program({"model": p.network(
        p.Tensor(size=(2**39, 2**39, 0), stride=(1, 1, 1)))}),
    "endless schema": lambda p, c: p.program({
        "posekit_format": 1, "definition": {}, "names": {}, "fused": False, "settings": {}, "metrics": {},
        "metadata": {}, "state": {}, "schema": {"kpt_shape": [float("inf"), 3]}}),
    "stride 0": lambda p, c: p.program({"model": p.network(p.Tensor(size=(2**34,), stride=(0,)))}),
    "keypoints": lambda p, c: p.program({"model": p.network(kpt_shape=[2**31 - 1, 3])}),
    "classes": lambda p, c: p.program({"model": p.network(names=None, nc=2**31 - 1)}),
}  # fmt: skip

ATTACKS = {**RUNNING, **CONFUSING, **BOMBS}


@pytest.fixture(scope="module")
def hostile_files(pickles, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    canary = folder / "canary"
    files = {}
    for number, (name, make) in enumerate(ATTACKS.items()):
        files[name] = pickles.archive(folder / f"{number}.pt", make(pickles, canary))
    return files, canary


@pytest.fixture(scope="module")
def reports(hostile_files, watched_read):
    files, canary = hostile_files
    reports = watched_read(files.values())
    assert not canary.exists()
    return dict(zip(files, reports, strict=True))


@pytest.mark.parametrize("name", ATTACKS)
def test_each_attack_ends_in_a_checkpoint_error_and_triggers_nothing(reports, name):
    report = reports[name]
    kind, message = report["outcome"]
    assert kind == "CheckpointError", report["outcome"]
    assert message.startswith(report["path"])
    assert "\n" not in message
    assert len(message) < 1200
    assert report["seconds"] < 20
    # The only thing that happens is that the file itself is opened for reading.
    assert [event for event in report["events"] if event[0] != "open"] == []
    assert {tuple(event[1:]) for event in report["events"]} <= {(report["path"], "rb"), (report["path"], "r")}


def test_the_watcher_sees_what_a_naive_reader_would_do(hostile_files):
    files, canary = hostile_files
    with zipfile.ZipFile(files["reduce"]) as file:
        pickle.loads(file.read("archive/data.pkl"))
    assert canary.exists()  # the payload is live: only our reader keeps it from running
    canary.unlink()


def test_attacks_do_not_change_how_later_files_are_read(hostile_files, golden):
    files, _ = hostile_files
    before = read_checkpoint(golden / "final_v8pose.pt")
    for name in CONFUSING:
        with pytest.raises(CheckpointError):
            read_checkpoint(files[name])
    after = read_checkpoint(golden / "final_v8pose.pt")
    assert before.state.keys() == after.state.keys()
    assert all((before.state[name] == after.state[name]).all() for name in before.state)
    assert before.names == after.names


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("os.system", r"asks for os\.system, which no network needs; nothing was run"),
        ("reduce protocol 4", "pickle protocol 4"),
        ("EXT1", r"instruction EXT1 \(0x82\), which torch.save does not write"),
        ("BUILD slots on a class", "state is stored into ClassName"),
        ("getattr", r"asks for torch\.nn\.modules\.os"),
        ("text length", "4294967295 bytes wanted, 1 left"),
        ("instructions", "more than 2000000 instructions"),
        ("deep lists in a definition", "nested more than 32 deep"),
        ("deep tuple as key", "key or set member is of type tuple"),
        ("laughs as dtype", "NumPy number of an unknown dtype"),
        ("laughs in a definition", "nested more than 32 deep"),
        ("laughs of few levels", "number more than 200000"),
        ("laughs in modules", "more than 20000 modules"),
        ("module in itself", "nested too deeply"),
        ("copies of a set", "hands more data to calls"),
        ("keys of 61 bits", "integer of more than 20 bits"),
        ("keys with fractions", "key or set member is of type float"),
        ("keys in tuples", "integer of more than 20 bits"),
        ("members of sets", "integer of more than 20 bits"),
        ("names of many texts", "more than 10000000 characters together"),
        ("points of many texts", "more than 10000000 characters together"),
        ("long task", "network for the task 'xxx"),
        ("empty and endless", "impossible shape or stride"),
        ("endless schema", "schema of the file contradicts itself"),
        ("stride 0", "reaches beyond its storage 0 of 1 elements"),
        ("storage called data.pkl", "storage '../data.pkl' is missing"),
    ],
)
def test_attacks_are_refused_for_the_right_reason(reports, name, reason):
    assert re.search(reason, reports[name]["outcome"][1])


def test_harmless_network_of_the_same_writer_loads(pickles, tmp_path):
    path = pickles.checkpoint(tmp_path / "fine.pt", {"model": pickles.network()})
    assert list(read_checkpoint(path).state) == ["model.0.weight"]
