import json
import pickle

import numpy as np
import pytest

from golden.matched_pictures import CASES, FOLDER, arrays, evaluated
from posekit.errors import UnknownAttributeError
from posekit.metrics.report import header, rows


@pytest.fixture(scope="module")
def reports():
    return json.loads((FOLDER / "match_reports.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module", params=CASES)
def case(request):
    return request.param


@pytest.fixture(scope="module")
def metrics(case):
    return evaluated(case)[0].metrics()


@pytest.fixture(scope="module")
def report(case, reports):
    return reports[case]


@pytest.fixture
def pose():
    return evaluated("pose17")[0].metrics()


def parts_of(case):
    return ("box", CASES[case][1])


def test_values_are_the_recorded_ones(case, metrics):
    for name in parts_of(case):
        part = getattr(metrics, name)
        np.testing.assert_allclose(part.all_ap, arrays(case)[f"final/{name}/all_ap"], rtol=0, atol=1e-6)
        for key in ("p", "r", "f1", "p_curve", "r_curve", "f1_curve", "px", "prec_values", "maps", "ap_class_index"):
            expected = arrays(case)[f"final/{name}/{key}"]
            np.testing.assert_allclose(getattr(part, key), expected, rtol=1e-9, atol=1e-12, err_msg=f"{name} {key}")
    np.testing.assert_array_equal(metrics.nt_per_class, arrays(case)["final/nt_per_class"])
    np.testing.assert_array_equal(metrics.nt_per_image, arrays(case)["final/nt_per_image"])
    np.testing.assert_allclose(metrics.maps, arrays(case)["final/maps_sum"], rtol=1e-9)


def test_means_are_the_recorded_ones(case, metrics, report):
    assert metrics.mean_results() == pytest.approx(report["mean_results"], abs=1e-9)
    assert metrics.fitness == pytest.approx(report["fitness"], abs=1e-9)
    for name in parts_of(case):
        part = getattr(metrics, name)
        values = [part.map, part.map50, part.map75, part.mp, part.mr]
        assert values == pytest.approx(report["map"][name], abs=1e-9)
        assert part.fitness() == part.map
    for number, expected in report["class_result"].items():
        row = metrics.ap_class_index.tolist().index(int(number))
        assert metrics.class_result(row) == pytest.approx(expected, abs=1e-9)


def test_keys_and_curves_are_the_recorded_ones_in_order(metrics, report):
    assert metrics.keys == report["keys"]
    assert list(metrics.results_dict) == list(report["results_dict"])
    assert metrics.results_dict == pytest.approx(report["results_dict"], abs=1e-9)
    assert metrics.curves == report["curves"]
    assert len(metrics.curves_results) == len(metrics.curves)
    for name, (x, y, xlabel, ylabel) in zip(metrics.curves, metrics.curves_results, strict=True):
        left, right = name.partition("(")[0].split("-")
        assert {left, right} == {xlabel, ylabel}
        assert y.shape == (3, len(x))


def test_rows_are_the_recorded_ones(metrics, report):
    assert metrics.summary() == report["summary"]
    assert [list(row) for row in metrics.summary()] == [list(row) for row in report["summary"]]
    assert metrics.summary(decimals=2) == report["summary_2_decimals"]
    assert json.loads(metrics.to_json()) == report["summary"]
    assert metrics.to_csv().splitlines()[0].split(",") == list(report["summary"][0])
    assert metrics.to_df().shape == (3, len(report["summary"][0]))


def test_scores_of_single_pictures_are_the_recorded_ones(case, metrics, report):
    for name in parts_of(case):
        assert getattr(metrics, name).image_metrics == report["image_metrics"][name]


def test_console_table_is_the_recorded_one(metrics, report):
    assert header(metrics) == report["desc"]
    assert rows(metrics, per_class=True) == report["table_rows"]
    assert rows(metrics, per_class=False) == report["table_rows"][:1]


def test_a_model_of_one_class_has_one_row(pose):
    pose.names = {0: "person"}
    assert len(rows(pose, per_class=True)) == 1


def test_coco_numbers_follow_the_own_ones(pose):
    own = pose.results_dict
    pose.coco = {"metrics/COCO-AP(P)": 0.5}
    assert list(pose.results_dict) == [*own, "metrics/COCO-AP(P)"]
    assert pose.results_dict["fitness"] == own["fitness"]


def test_wrong_names_are_answered_with_the_right_ones(pose):
    with pytest.raises(UnknownAttributeError, match=r"Metrics has no attribute 'seg'.*It has: .*box.*fitness.*pose"):
        _ = pose.seg
    with pytest.raises(
        AttributeError, match=r"PartMetrics has no attribute 'prec_value'. Did you mean 'prec_values'\?.*maps"
    ):
        _ = pose.box.prec_value
    assert not hasattr(pose, "nothing")


def test_metrics_can_be_sent_to_another_process(pose):
    again = pickle.loads(pickle.dumps(pose))
    assert again.results_dict == pose.results_dict
    assert again.pose.image_metrics == pose.pose.image_metrics
    assert repr(again) == repr(pose)
