"""Small COCO files and pictures for the tests, and ways to damage a good file."""

import copy
import json

import cv2
import numpy as np

BIRD = {"id": 1, "name": "bird", "keypoints": ["beak", "left wing", "right wing"], "skeleton": [[1, 2], [1, 3]]}
POINTS = [4, 5, 2, 20, 8, 1, 0, 0, 0]


def entry(number=1, **changes):
    """Return an annotation of picture 1; a change to ... removes the key."""
    whole = {"id": number, "image_id": 1, "category_id": 1, "bbox": [2, 3, 20, 15], "keypoints": POINTS} | changes
    return {key: value for key, value in whole.items() if value is not ...}


def content(*annotations, categories=(BIRD,), images=({"id": 1, "file_name": "a.png", "width": 32, "height": 24},)):
    return {"images": list(images), "annotations": list(annotations), "categories": list(categories)}


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def picture(path, height=24, width=32):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.zeros((height, width, 3), np.uint8))
    return path


HOSTILE = (
    None, True, False, 0, 1, -1, 2, 3.5, 17, 1e308, -1e308, float("nan"), float("inf"), -float("inf"), 10**30, -10**30,
    2**63, "", "1", "NaN", "a.png", "../a.png", "\0", "\ud800", "x" * 3000, [], {}, [[]], [{}], [None], [[[[[[1]]]]]],
    [1, 2], [1, 2, 3, 4], [0, 0, 0, 0], [1e9] * 4, ["a"] * 9, [float("nan")] * 9, [5.0] * 9, [[1, 2, 3, 4, 5, 6]],
    [[1e308] * 6], {"size": [24, 32], "counts": "garbage"}, {"size": [24, 32], "counts": [1, 2, 3]},
    {"size": [10**9, 10**9], "counts": ";2"}, {"size": [24, 32], "counts": [10**12]}, {"counts": 3}, {"id": 1},
)  # fmt: skip


def good_content():
    """Return a small file of everything that COCO JSON may hold: polygons, both kinds of RLE, crowds, no boxes."""
    points = [4, 5, 2, 20, 8, 1, 0, 0, 0]
    return {
        "info": {"description": "made for tests"},
        "images": [{"id": i, "file_name": f"{name}.png", "width": 32, "height": 24} for i, name in enumerate("abc", 1)],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "iscrowd": 0, "area": 90.5, "num_keypoints": 2,
             "bbox": [2, 3, 20, 15], "keypoints": points, "segmentation": [[2, 3, 22, 3, 22, 18], [4, 4, 9, 4, 9, 9]]},
            {"id": 2, "image_id": 1, "category_id": 2, "iscrowd": 1, "bbox": [0, 0, 30, 20],
             "segmentation": {"size": [24, 32], "counts": [100, 30, 638]}},
            {"id": 3, "image_id": 2, "category_id": 1, "bbox": [1.5, 2.25, 10, 11], "keypoints": points,
             "segmentation": {"size": [24, 32], "counts": "f26b0000G1IO71IO71IO7180000000000000000000k8"}},
            {"id": 4, "image_id": 2, "category_id": 1, "keypoints": points},
            {"id": 5, "image_id": 2, "category_id": 3, "bbox": [0, 0, 32, 24]},
        ],
        "categories": [
            {"id": 1, "name": "bird", "keypoints": ["beak", "left wing", "right wing"], "skeleton": [[1, 2], [1, 3]]},
            {"id": 2, "name": "fish"},
            {"id": 3, "name": "dog", "keypoints": ["beak", "left wing", "right wing"], "skeleton": []},
        ],
    }  # fmt: skip


def places(content, path=()):
    """Yield the path of every value of nested dictionaries and lists."""
    keys = content.keys() if isinstance(content, dict) else range(len(content)) if isinstance(content, list) else ()
    for key in keys:
        yield (*path, key)
        yield from places(content[key], (*path, key))


def damaged(random):
    """Return the good file with one to four values replaced, removed, repeated or swapped."""
    content = good_content()
    for _ in range(random.randint(1, 4)):
        path = random.choice(list(places(content)) or [None])
        if path is None:
            break
        holder = content
        for key in path[:-1]:
            holder = holder[key]
        _damage(holder, path[-1], content, random)
    return content


def _damage(holder, key, content, random):
    kind = random.choice(("replace", "replace", "replace", "remove", "repeat", "swap"))
    if kind == "replace":
        holder[key] = copy.deepcopy(random.choice(HOSTILE))
    elif kind == "remove":
        del holder[key]
    elif kind == "repeat" and isinstance(holder, list):
        holder.append(copy.deepcopy(holder[key]))
    elif kind == "swap":
        other = content
        for step in random.choice(list(places(content))):
            other = other[step]
        holder[key] = copy.deepcopy(other)


def damaged_text(random):
    """Return a damaged file as bytes, now and then with damage to the text itself."""
    text = json.dumps(damaged(random)).encode()
    if random.random() < 0.1:
        start = random.randrange(len(text))
        return random.choice((text[:start], text[:start] + random.randbytes(3) + text[start + 3 :]))
    return text
