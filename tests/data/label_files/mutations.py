"""Label files gone wrong in many ways, the same ones for the same seed."""

import random

from posekit.data.labels import PictureLabels
from posekit.data.yolo.parse import parse_labels
from posekit.data.yolo.rows import LabelRule

POSE = LabelRule(task="pose", nc=3, kpt_shape=(3, 3))
POSE2D = LabelRule(task="pose", nc=3, kpt_shape=(3, 2))
DETECT = LabelRule(task="detect", nc=3, kpt_shape=(3, 3))
SEGMENT = LabelRule(task="segment", nc=3)
SINGLE = LabelRule(task="detect", nc=1, single_cls=True)
BOXED = LabelRule(task="multitask", nc=3, kpt_shape=(3, 3))
BOXLESS = LabelRule(task="multitask", nc=3, kpt_shape=(3, 3), keypoint_classes=frozenset({0}))
EXPLICIT = LabelRule(task="pose", nc=3, kpt_shape=(3, 2), layout="box_keypoints_polygon")
RULES = (POSE, POSE2D, DETECT, SEGMENT, SINGLE, BOXED, BOXLESS, EXPLICIT)

HOSTILE = (
    b"nan", b"-nan", b"inf", b"-inf", b"Infinity", b"1e999", b"-1e999", b"1e39", b"3e38", b"-3e38", b"1e-999", b"1_0",
    b"0x1p3", b"1,5", b"0.5.5", b"--1", b"+", b"-", b".", b"1e", b"", b"-1", b"-0.0", b"-0.005", b"2", b"640", b"0.5",
    b"1.01", b"1.0100001", b"4294967296", b"9" * 400, "\u0661".encode(), "\uff11".encode(), "é".encode(), b"\xff",
    b"\xc3", b"\x00", b"1\x00", b"None", b"0.5;0.5", b"True", b"#",
)  # fmt: skip
ENDINGS = (b"\r\n", b"\r", b"\n\n", b"\n \t\n", b"\x0b", b"\x0c", b"\x1c", b"\x85", "\u2028".encode(), b"\n\r", b"")


def parse(data, rule, file="a.txt"):
    """Return what a label file of these bytes or this text comes to."""
    data = data.encode() if isinstance(data, str) else data
    return parse_labels(data, rule, file, PictureLabels(path="a.png", size=(20, 30)))


def mutations(seed, count, *, most=4):
    """Yield (rule, content) of so many label files, each right at first and then changed one to `most` times."""
    chance = random.Random(seed)
    for _ in range(count):
        rule = chance.choice(RULES)
        rows = [_row(chance, rule) for _ in range(chance.randint(1, 6))]
        data = b"\n".join(b" ".join(row) for row in rows) + b"\n"
        for _ in range(chance.randint(min(most, 1), most)):
            data = chance.choice(CHANGES)(data, chance)
        yield rule, data


def _row(chance, rule):
    """Return the words of a row that the rule allows."""
    x, y, w, h = (round(chance.uniform(0.1, 0.4), 4) for _ in range(4))
    outline = [x - w / 4, y - h / 4, x + w / 4, y - h / 4, x + w / 4, y + h / 4, x - w / 4, y + h / 4]
    points = [
        part for _ in range(3) for part in (chance.random(), chance.random(), chance.choice((0, 1, 2)))
    ]  # fmt: skip
    if rule.kpt_shape == (3, 2):
        points = [value for index, value in enumerate(points) if index % 3 < 2]
    label = [chance.randrange(rule.nc)]
    values = {
        POSE: [x, y, w, h, *points],
        POSE2D: [x, y, w, h, *points],
        DETECT: [x, y, w, h],
        SEGMENT: outline,
        SINGLE: [x, y, w, h],
        BOXED: [x, y, w / 2, h / 2, *points, *outline],
        BOXLESS: [*points, *outline] if label == [0] else outline,
        EXPLICIT: [x, y, w / 2, h / 2, *points, *outline],
    }[rule]
    return [f"{value:.6g}".encode() for value in (*label, *values)]


def _replace_word(data, chance):
    words = data.split(b" ")
    words[chance.randrange(len(words))] = chance.choice(HOSTILE)
    return b" ".join(words)


def _replace_whole_number(data, chance):
    """Change a class or a visibility."""
    words = data.split(b" ")
    whole = [index for index, word in enumerate(words) if word.strip().isdigit()]
    if whole:
        words[chance.choice(whole)] = chance.choice((b"0.7", b"3", b"7", b"-1"))
    return b" ".join(words)


def _drop_word(data, chance):
    words = data.split(b" ")
    del words[chance.randrange(len(words))]
    return b" ".join(words)


def _add_word(data, chance):
    words = data.split(b" ")
    words.insert(chance.randrange(len(words) + 1), chance.choice(HOSTILE))
    return b" ".join(words)


def _repeat_row(data, chance):
    rows = data.split(b"\n")
    rows += [chance.choice(rows)] * chance.choice((1, 1, 2, 40))
    return b"\n".join(rows)


def _drop_row(data, chance):
    rows = data.split(b"\n")
    del rows[chance.randrange(len(rows))]
    return b"\n".join(rows)


def _change_byte(data, chance):
    changed = bytearray(data)
    if changed:
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _insert_bytes(data, chance):
    position = chance.randint(0, len(data))
    return data[:position] + chance.randbytes(chance.randint(1, 4)) + data[position:]


def _cut(data, chance):
    return data[: chance.randint(0, len(data))]


def _other_endings(data, chance):
    return data.replace(b"\n", chance.choice(ENDINGS))


def _other_encoding(data, chance):
    text = data.decode("latin-1")
    return chance.choice(
        (b"\xef\xbb\xbf" + data, text.encode("utf-16"), text.encode("utf-8"), text.encode("utf-32-le"))
    )


def _scale(data, chance):
    """Write pixels where fractions belong."""
    return b"\n".join(
        b" ".join(b"%d" % (100 * len(word)) if b"." in word else word for word in row.split(b" "))
        for row in data.split(b"\n")
    )


CHANGES = (
    _replace_word, _replace_word, _replace_word, _replace_whole_number, _replace_whole_number, _drop_word, _add_word,
    _repeat_row, _drop_row, _change_byte, _insert_bytes, _cut, _other_endings, _other_encoding, _scale,
)  # fmt: skip
