"""Whatever stands in a file: it is read, or there is one clear error, and every object that is lost is counted."""

import copy
import json
import random
from pathlib import Path

import cv2
import numpy as np
import pytest

from posekit.data.convert.cvat import read_cvat
from posekit.data.convert.deeplabcut import read_deeplabcut
from posekit.data.convert.label_studio import read_label_studio
from posekit.data.convert.sleap import read_sleap
from posekit.data.convert.stanfordextra import read_stanfordextra
from posekit.errors import PosekitError

FILES = Path(__file__).parent / "files"
ODD_VALUES = (
    None, True, -1, 0, 10**30, 1e308, float("inf"), float("nan"), "", "nan", "\0", "../..", [], {}, [[]], {"id": []},
    [None, {}], "9" * 5000, -0.5, 1e-320,
)  # fmt: skip

XML = """<?xml version="1.0"?><annotations><version>1.1</version><meta><task><labels>
<label><name>dog</name><type>skeleton</type><svg>&lt;circle data-node-id="1" data-label-name="nose"/&gt;</svg></label>
<label><name>nose</name><parent>dog</parent></label></labels></task></meta>
<image id="0" name="a.png" width="40" height="30">
<skeleton label="dog" group_id="1"><points label="nose" outside="0" occluded="1" points="10.5,20.0"/></skeleton>
<box label="dog" group_id="1" xtl="1.5" ytl="2" xbr="20" ybr="25" rotation="30.0"/>
<mask label="dog" rle="2, 3, 1, 4" left="5" top="6" width="5" height="2"/>
<polygon label="dog" points="1,2;3,4;5,9"/></image></annotations>"""

TASKS = [
    {
        "id": 1,
        "data": {"image": "/data/upload/1/abcd1234-a.png"},
        "annotations": [
            {
                "updated_at": "2024",
                "result": [
                    {"id": "r", "type": "rectanglelabels", "original_width": 40, "original_height": 30,
                     "value": {"x": 1, "y": 2, "width": 50, "height": 60, "rotation": 3, "rectanglelabels": ["dog"]}},
                    {"id": "k", "type": "keypointlabels", "parentID": "r",
                     "value": {"x": 5, "y": 6, "keypointlabels": ["nose"]}},
                    {"id": "p", "type": "polygonlabels",
                     "value": {"points": [[1, 2], [3, 4], [5, 9]], "polygonlabels": ["dog"]}},
                    {"type": "relation", "from_id": "p", "to_id": "r"},
                ],
            }
        ],
    }
]  # fmt: skip

DOGS = [
    {"img_path": "a.png", "img_width": 40, "img_height": 30, "joints": [[i, i, 1.0] for i in range(24)],
     "img_bbox": [5, 6, 20, 10], "seg": [6, 8, 22, 8, 1156], "is_multiple_dogs": False}
]  # fmt: skip


def read_package(path):
    return read_sleap(path, extracted=path.parent / "out")


def mutated_bytes(data, chance):
    changed = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        place = chance.randrange(len(changed))
        if chance.random() < 0.3:
            del changed[place : place + chance.randint(1, 40)]
        else:
            changed[place] = chance.choice(b'<>"=&;,.-09aeEnN\x00\xff\n' + bytes([chance.randrange(256)]))
    return bytes(changed) or b"\0"


def mutated_json(content, chance):
    """Return a copy with some value anywhere replaced, removed or repeated."""
    changed = copy.deepcopy(content)
    for _ in range(chance.randint(1, 3)):
        places = list(containers(changed))
        place = chance.choice(places)
        key = chance.choice(list(place) if isinstance(place, dict) else range(len(place)))
        action = chance.random()
        if action < 0.2:
            del place[key]
        elif action < 0.3 and isinstance(place, list):
            place.append(copy.deepcopy(place[key]))
        else:
            place[key] = copy.deepcopy(chance.choice(ODD_VALUES))
        if not changed:
            return [None]
    return changed


def containers(value):
    if isinstance(value, dict | list) and value:
        yield value
        for entry in value.values() if isinstance(value, dict) else value:
            yield from containers(entry)


def check_read(read, path):
    """Read a file; return whether it was read at all."""
    try:
        annotations = read(path)
    except PosekitError:
        return False
    for picture in annotations.pictures:
        for thing in picture.objects:
            assert thing.label in annotations.names
            assert thing.box is None or np.isfinite(thing.box).all()
            assert thing.keypoints is None or np.isfinite(thing.keypoints).all()
            assert all(np.isfinite(part).all() and len(part) >= 3 for part in thing.parts)
    assert all("\n" not in str(problem) for problem in annotations.problems)
    return True


@pytest.mark.parametrize(
    ("read", "name", "content"),
    [
        (read_cvat, "a.xml", XML.encode()),
        (read_label_studio, "a.json", json.dumps(TASKS).encode()),
        (read_stanfordextra, "a.json", json.dumps(DOGS).encode()),
        (read_deeplabcut, "a.csv", (FILES / "several_three_index.csv").read_bytes()),
        (read_deeplabcut, "a.h5", (FILES / "several_fixed.h5").read_bytes()),
        (read_deeplabcut, "a.h5", (FILES / "single_table.h5").read_bytes()),
        (
            lambda path: read_sleap(path, extracted=path.parent / "out"),
            "a.slp",
            (FILES / "labels.pkg.slp").read_bytes(),
        ),
    ],
    ids=["cvat", "labelstudio", "stanfordextra", "csv", "fixed", "table", "sleap"],
)
def test_changed_bytes_never_crash_a_reader(tmp_path, read, name, content):
    for picture in ("img01.png", "img02.png", "img03.png"):
        cv2.imwrite(str(tmp_path / picture), np.zeros((50, 60, 3), np.uint8))
    (tmp_path / name).write_bytes(content)
    assert check_read(read, tmp_path / name)
    for seed in range(150):
        (tmp_path / name).write_bytes(mutated_bytes(content, random.Random(seed)))
        check_read(read, tmp_path / name)


@pytest.mark.parametrize(("read", "content"), [(read_label_studio, TASKS), (read_stanfordextra, DOGS)])
def test_changed_values_never_crash_a_reader(tmp_path, read, content):
    outcomes = set()
    for seed in range(400):
        (tmp_path / "a.json").write_text(json.dumps(mutated_json(content, random.Random(seed))))
        outcomes.add(check_read(read, tmp_path / "a.json"))
    assert outcomes == {True, False}
