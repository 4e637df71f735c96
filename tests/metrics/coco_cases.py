"""Random COCO truth with predictions, and the scores that COCO's own evaluator (pycocotools) gives them."""

import contextlib
import copy
import io
import warnings

import numpy as np

HEIGHT, WIDTH = 180, 200
FIELDS = {"bbox": "bbox", "segm": "segmentation", "keypoints": "keypoints"}


def random_case(seed, *, points, decimals, crowded=False):
    """Return (truth, rows); scores of few decimals make ties, `crowded` pictures exceed the limits of detections."""
    rng = np.random.default_rng(seed)
    ids = rng.choice(50, int(rng.integers(1, 6)), replace=False) + 1
    images = [{"id": int(i), "width": WIDTH, "height": HEIGHT, "file_name": f"{i:05d}.jpg"} for i in ids]
    categories = [{"id": 3 * c + 1, "name": f"c{c}"} for c in range(int(rng.integers(1, 4)))]
    truth = {"images": images, "categories": categories, "annotations": []}
    rows = []
    for image in images:
        for _ in range(int(rng.integers(0, 6))):
            labelled = random_object(rng, image, categories, points)
            truth["annotations"].append(labelled | {"id": len(truth["annotations"]) + 1})
            rows += [near(rng, labelled, categories) for _ in range(int(rng.integers(0, 4)))]
        strays = rng.integers(100, 260) if crowded else rng.integers(0, 4)
        strange = [random_object(rng, image, categories, points) for _ in range(int(strays))]
        rows += [near(rng, other, categories) for other in strange]
    rng.shuffle(rows)
    for row in rows:
        row["score"] = round(float(rng.random()), decimals)
    return truth, rows


def random_object(rng, image, categories, points):
    width, height = np.exp(rng.uniform(np.log(4), np.log(150), 2))
    if rng.random() < 0.03:
        width = 0.0
    x, y = rng.uniform(0, 150, 2)
    visibility = rng.choice([0, 1, 2], points, p=[0.3, 0.2, 0.5]) * (rng.random() > 0.15)
    spots = np.array([x, y]) + rng.random((points, 2)) * (width, height)
    keypoints = np.column_stack([spots, visibility]).round(1) * (visibility > 0)[:, None]
    crowd = rng.random() < 0.12
    outline = [[x, y, x + width, y + height * 0.1, x + width * 0.9, y + height, x + width * 0.1, y + height * 0.8]]
    if rng.random() < 0.2:
        outline.append([x, y, x + width * 0.3, y, x + width * 0.3, y + height * 0.3])
    return {
        "image_id": image["id"],
        "category_id": categories[rng.integers(len(categories))]["id"],
        "bbox": [round(float(value), 2) for value in (x, y, width, height)],
        "area": float(width * height * rng.uniform(0.3, 0.9)),
        "iscrowd": int(crowd),
        "keypoints": keypoints.ravel().tolist(),
        "num_keypoints": int((visibility > 0).sum()),
        "segmentation": runs_of_box(x, y, width, height) if crowd else outline,
    }


def near(rng, labelled, categories):
    """Return a detection somewhere around an object."""
    box, points = np.array(labelled["bbox"]), np.array(labelled["keypoints"]).reshape(-1, 3)
    size = np.sqrt(max(box[2] * box[3], 1))
    moved = box + rng.normal(0, rng.choice([0, 0.02, 0.1, 0.3]), 4) * size
    moved[2:] = np.maximum(moved[2:], 0)
    spots = np.where(points[:, 2:] > 0, points[:, :2], box[:2] + box[2:] / 2)
    spots = spots + rng.normal(0, rng.choice([0, 0.01, 0.05, 0.2]), spots.shape) * size
    category = labelled["category_id"] if rng.random() < 0.9 else categories[rng.integers(len(categories))]["id"]
    return {
        "image_id": labelled["image_id"],
        "category_id": category,
        "bbox": moved.tolist(),
        "keypoints": np.column_stack([spots, rng.random(len(spots))]).ravel().tolist(),
        "segmentation": compressed(box_mask(*moved)),
    }


def box_mask(x, y, width, height):
    mask = np.zeros((HEIGHT, WIDTH), np.uint8, order="F")
    left, top = max(int(x), 0), max(int(y), 0)
    mask[top : max(int(y + height) + 1, 0), left : max(int(x + width) + 1, 0)] = 1
    return mask


def compressed(mask):
    from pycocotools.mask import encode

    encoded = encode(mask)
    return {"size": encoded["size"], "counts": encoded["counts"].decode()}


def runs_of_box(*box):
    """Return uncompressed run lengths, as COCO writes crowds."""
    flat = box_mask(*box).ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff([0, *edges, flat.size]).tolist()
    return {"size": [HEIGHT, WIDTH], "counts": [0, *runs] if flat[0] else runs}


def only(rows, kind):
    """Return the rows without the fields that `kind` does not score."""
    return [{key: row[key] for key in ("image_id", "category_id", "score", FIELDS[kind])} for row in rows]


def official(truth, rows, kind, *, sigmas=None, image_ids=None):
    """Return the evaluator of pycocotools after its run."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # pycocotools uses what NumPy 2 discourages
        labels = COCO()
        labels.dataset = {"info": {}} | copy.deepcopy(truth)
        labels.createIndex()
        if rows:
            found = labels.loadRes(copy.deepcopy(rows))
        else:
            found = COCO()
            found.dataset = labels.dataset | {"annotations": []}
            found.createIndex()
        evaluator = COCOeval(labels, found, kind)
        if sigmas is not None:
            evaluator.params.kpt_oks_sigmas = np.array(sigmas)
        if image_ids is not None:
            evaluator.params.imgIds = list(image_ids)
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    return evaluator
