"""Charts of trainings and validations: every value is seen, and odd inputs give a picture."""

import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posekit.errors import OutputError, ShapeError
from posekit.viz.chart_style import (
    DARK,
    LIGHT,
    LINE_CONTRAST,
    drawable,
    installed_fonts,
    line_color,
    new_chart,
    png_bytes,
    printable_line,
    shortened,
    styled,
)
from posekit.viz.colors import CLASS_COLORS, WHITE, contrast
from posekit.viz.training_chart import METRIC_COLOR, TRAIN_COLOR, VAL_COLOR, save_results_plot, smoothed
from posekit.viz.validation_charts import (
    save_confidence_curve,
    save_confusion_matrix,
    save_keypoint_plot,
    save_pr_curve,
)
from viz.pixels import bgr_of, count_color, decode, read


def empty_chart(width, height, title="", look=LIGHT):
    with styled(look):
        return decode(png_bytes(new_chart(width, height, title)))


def test_a_chart_has_one_and_a_half_pixels_per_unit_and_the_paper_of_its_look():
    picture = empty_chart(400, 300, look=DARK)
    assert picture.shape == (450, 600, 3)
    assert (picture == [int(DARK.paper[i : i + 2], 16) for i in (5, 3, 1)]).all()


@pytest.mark.parametrize("text", ["$\\frac{1}{$", "$a_b^c$", "\\alpha", "100 %"])
def test_dollar_signs_are_drawn_and_not_read_as_formulas(text):
    picture = empty_chart(300, 100, text)
    assert picture.min() < 100
    # The same letters with an S in the place of each dollar sign take about as much room.
    twin = empty_chart(300, 100, text.replace("$", "S"))
    widths = [np.nonzero((one < 200).any(axis=(0, 2)))[0].max() for one in (picture, twin)]
    assert abs(widths[0] - widths[1]) < 12


def test_every_line_stands_out_from_white_paper():
    for number in range(40):
        assert contrast(bgr_of(line_color(number)), WHITE) >= LINE_CONTRAST - 0.05


def test_lines_of_different_classes_have_different_colors():
    assert len({line_color(number) for number in range(20)}) == 20


def test_settings_of_the_user_change_nothing(tmp_path):
    x = np.linspace(0, 1, 1000)

    def plot(name):
        save_pr_curve(x, [1 - x, x], [0.5, 0.6], ["a", "b"], tmp_path / name)
        return (tmp_path / name).read_bytes()

    usual = plot("usual.png")
    settings = {"text.usetex": True, "savefig.bbox": "tight", "savefig.transparent": True, "figure.dpi": 30}
    with matplotlib.rc_context(settings | {"font.family": "serif", "lines.linestyle": "--", "font.size": 30}):
        assert plot("other.png") == usual

    assert matplotlib.rcParams["text.usetex"] is False


def test_neither_pyplot_nor_a_backend_is_loaded(tmp_path):
    code = (
        "import sys; from posekit.viz.training_chart import save_results_plot\n"
        "assert 'matplotlib' not in sys.modules\n"
        f"save_results_plot([], {str(tmp_path / 'chart.png')!r})\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
    assert read(tmp_path / "chart.png").shape[2] == 3


def test_folders_are_made_and_nothing_is_left_beside_the_file(tmp_path):
    save_results_plot([], tmp_path / "new" / "chart.png")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["chart.png"]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        save_results_plot([], tmp_path / "file" / "chart.png")


def test_matplotlibs_own_font_is_always_there():
    assert installed_fonts()[0] == "DejaVu Sans"


def test_letters_of_no_font_are_drawn_as_a_box_and_not_warned_of():
    known, unknown = (empty_chart(200, 100, f"a{letter}b") for letter in ("Ω", "\U00013080"))  # a hieroglyph
    assert (known != unknown).any()
    assert unknown.min() < 100


def test_line_breaks_and_control_characters_become_one_blank():
    assert printable_line("a\n\t b\x1b\x00c") == "a b c"


def test_a_long_name_keeps_both_ends():
    short = shortened("left_front_paw_of_the_first_dog", 16)
    assert len(short) == 16
    assert short.startswith("left_front")
    assert short.endswith("dog")


@given(st.text(alphabet=st.characters(), max_size=60), st.integers(1, 40))
def test_any_text_becomes_one_line_of_limited_length(text, longest):
    line = drawable(text, longest)
    assert len(line) <= longest
    assert line.isprintable()


def ink(text):
    return tuple(int(text[i : i + 2], 16) for i in (5, 3, 1))


X = np.linspace(0, 1, 1000)
SIZE = (900, 1350, 3)
ODD_NAMES = ["$x^2$ <b>", "飞机", "a\nb", "x" * 300, ""]


def falling(count):
    return np.array([np.clip(1.2 - X * (1 + i / 5), 0, 1) for i in range(count)]).reshape(count, len(X))


def pr_picture(count, path, names=None):
    save_pr_curve(X, falling(count), np.linspace(0.2, 0.9, count), names or [f"c{i}" for i in range(count)], path)
    return read(path)


@pytest.mark.parametrize("count", [0, 1, 2, 20, 21, 80])
def test_any_number_of_classes_gives_a_picture_of_the_promised_size(count, tmp_path):
    assert pr_picture(count, tmp_path / "BoxPR_curve.png").shape == SIZE


def test_each_class_has_a_line_of_its_color(tmp_path):
    picture = pr_picture(5, tmp_path / "pr.png")
    for number in range(5):
        assert count_color(picture, bgr_of(line_color(number))) > 300


def test_many_classes_are_grey_with_a_bold_mean(tmp_path):
    picture = pr_picture(21, tmp_path / "pr.png")
    assert count_color(picture, bgr_of(line_color(3))) == 0
    assert count_color(picture, ink(LIGHT.ink)) > 3000


def test_a_single_class_has_no_mean_beside_it(tmp_path):
    one = pr_picture(1, tmp_path / "one.png")
    assert count_color(one[150:800, 120:], ink(LIGHT.ink)) == 0
    assert count_color(one, bgr_of(line_color(0))) > 3000


def test_curves_have_names_of_every_kind(tmp_path):
    assert pr_picture(5, tmp_path / "pr.png", ODD_NAMES).shape == SIZE


def test_the_operating_point_is_marked(tmp_path):
    def drawn(chosen):
        save_confidence_curve(X, falling(2), ["a", "b"], tmp_path / "c.png", "F1", operating_confidence=chosen)
        return read(tmp_path / "c.png")[700:780]  # where only the dashed line runs down to the axis

    without = drawn(None)
    marks = [np.nonzero((drawn(chosen) != without).any(axis=(0, 2)))[0] for chosen in (0.2, 0.4, 0.6)]
    assert all(np.ptp(columns) < 6 for columns in marks)
    first, second = np.diff([columns.mean() for columns in marks])
    assert first == pytest.approx(second, abs=4)
    assert first > 100


@pytest.mark.parametrize("label", ["F1", "Precision", "Recall"])
def test_a_class_without_detections_lies_at_zero(label, tmp_path):
    values = np.zeros((1, len(X)))
    save_confidence_curve(X, values, ["person"], tmp_path / "c.png", label, operating_confidence=0.0)
    assert read(tmp_path / "c.png").shape == SIZE


def test_no_labelled_class_is_said_instead_of_drawn(tmp_path):
    save_confidence_curve([], [], [], tmp_path / "c.png", "F1", operating_confidence=0.5)
    assert count_color(read(tmp_path / "c.png"), ink(LIGHT.muted)) > 100


def test_numbers_that_are_not_finite_do_not_stop_the_chart(tmp_path):
    values = np.full((2, len(X)), np.nan)
    save_confidence_curve(X, values, ["a", "b"], tmp_path / "c.png", "F1", operating_confidence=0.5)
    assert read(tmp_path / "c.png").shape == SIZE


def test_lengths_of_curves_that_do_not_fit_are_named(tmp_path):
    with pytest.raises(ShapeError, match="3 class names"):
        save_pr_curve(X, falling(2), [0.1, 0.2], ["a", "b", "c"], tmp_path / "pr.png")
    with pytest.raises(ShapeError, match="ap50"):
        save_pr_curve(X, falling(2), [0.1], ["a", "b"], tmp_path / "pr.png")
    with pytest.raises(ShapeError, match=r"\(2, 999\)"):
        save_confidence_curve(X, falling(2)[:, 1:], ["a", "b"], tmp_path / "c.png", "F1")
    assert not list(tmp_path.iterdir())


NAVY = CLASS_COLORS[6]


def confusion(matrix, path, names=None, *, normalize=False):
    names = [f"class {i}" for i in range(len(matrix) - 1)] if names is None else names
    save_confusion_matrix(matrix, names, path, normalize=normalize)
    return read(path)


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("count", [0, 1, 3, 20, 80, 150])
def test_any_number_of_classes_is_drawn(count, normalize, tmp_path):
    matrix = np.diag(np.full(count + 1, 30))
    seen = confusion(matrix, tmp_path / "confusion_matrix.png", normalize=normalize)
    assert min(seen.shape[:2]) >= 700
    assert max(seen.shape[:2]) < 3000


@pytest.mark.parametrize("normalize", [True, False])
def test_a_matrix_of_zeros_has_no_dark_cell(normalize, tmp_path):
    seen = confusion(np.zeros((4, 4)), tmp_path / "cm.png", normalize=normalize)
    # Only the upper end of the colour bar is dark.
    assert count_color(seen, NAVY) < 400


def test_predictions_run_down_and_true_classes_across(tmp_path):
    def middle_of_navy(predicted, true):
        matrix = np.zeros((3, 3))
        matrix[predicted, true] = 9
        seen = confusion(matrix, tmp_path / "cm.png", ["a", "b"])[:, :-140]
        return np.argwhere((np.abs(seen.astype(int) - NAVY) <= 3).all(axis=-1)).mean(axis=0)

    first, side = middle_of_navy(0, 0), 440 * 1.5 / 3
    np.testing.assert_allclose(middle_of_navy(1, 0) - first, [side, 0], atol=8)
    np.testing.assert_allclose(middle_of_navy(0, 1) - first, [0, side], atol=8)


def test_normalising_divides_by_the_true_class(tmp_path):
    # All objects were found, and as much again in the background: both cells of the row are full.
    one = confusion([[10, 10], [0, 0]], tmp_path / "1.png", ["a"], normalize=True)
    # A rare class that is always right is as dark as a common one.
    two = confusion([[1000, 0, 0], [0, 2, 0], [0, 0, 0]], tmp_path / "2.png", ["a", "b"], normalize=True)
    for seen, cells, columns in ((one, 2, 2), (two, 2, 3)):
        side = 440 * 1.5 / columns
        assert count_color(seen, NAVY) > 0.9 * cells * side**2


def test_confusion_matrices_have_names_of_every_kind(tmp_path):
    names = ["$x^2$ <b>", "飞机", "a\nb", "x" * 300, ""]
    assert confusion(np.eye(6), tmp_path / "cm.png", names).shape[1] < 1300


def test_huge_counts_and_numbers_that_are_not_finite_are_drawn(tmp_path):
    matrix = np.array([[1e15, np.nan], [3.0, 0.0]])
    assert confusion(matrix, tmp_path / "cm.png", ["a"]).shape[2] == 3


def test_a_matrix_of_another_size_is_refused(tmp_path):
    with pytest.raises(ShapeError, match=r"\(3, 3\)"):
        save_confusion_matrix(np.zeros((2, 2)), ["a", "b"], tmp_path / "cm.png", normalize=False)


OKS_BAR = CLASS_COLORS[0]


def keypoint(name="nose", oks=0.8, error=0.05, swap_rate=0.02, **more):
    return {"keypoint": name, "oks": oks, "mean_error": error, "swap_rate": swap_rate, **more}


def bars(rows, path):
    save_keypoint_plot(rows, path)
    return count_color(read(path), OKS_BAR)


def test_bars_grow_with_the_oks_contribution(tmp_path):
    low, high = (bars([keypoint(oks=oks)] * 3, tmp_path / f"{oks}.png") for oks in (0.3, 0.9))
    assert high / low == pytest.approx(3, rel=0.05)


def test_rows_stand_in_the_order_given(tmp_path):
    save_keypoint_plot([keypoint("a", oks=0.9), *[keypoint(oks=0.0)] * 4], tmp_path / "first.png")
    picture = read(tmp_path / "first.png")
    rows, _ = np.nonzero((np.abs(picture.astype(int) - OKS_BAR) <= 3).all(axis=-1))
    assert (rows < picture.shape[0] / 2).mean() > 0.95


def test_values_that_do_not_exist_have_no_bar(tmp_path):
    assert bars([keypoint(oks=None, error=float("nan"), swap_rate=None)] * 2, tmp_path / "none.png") == 0


@pytest.mark.parametrize("count", [0, 1, 17, 133])
def test_any_number_of_keypoints_is_drawn(count, tmp_path):
    save_keypoint_plot([keypoint(f"point {i}", oks=i / 200) for i in range(count)], tmp_path / "k.png")
    height, width, _ = read(tmp_path / "k.png").shape
    assert 1200 < width < 1800
    assert height >= 200 + 20 * count


def test_errors_beyond_all_measure_are_drawn(tmp_path):
    save_keypoint_plot([keypoint(error=1e9, swap_rate=0.0), keypoint(error=0.0)], tmp_path / "k.png")
    assert read(tmp_path / "k.png").shape[2] == 3


def test_keypoints_have_names_of_every_kind(tmp_path):
    rows = [keypoint(name) for name in ("$x^2$ <b>", "飞", "a\nb", "x" * 300, "")]
    save_keypoint_plot(rows, tmp_path / "k.png")
    assert read(tmp_path / "k.png").shape[1] < 1800


def test_further_keys_of_the_rows_are_ignored(tmp_path):
    assert bars([keypoint(labelled=12, conf_hidden=None)], tmp_path / "k.png") > 0


def test_a_missing_key_and_a_wrong_value_are_named(tmp_path):
    with pytest.raises(ShapeError, match="lacks 'swap_rate'"):
        save_keypoint_plot([{"keypoint": "nose", "oks": 1.0, "mean_error": 0.0}], tmp_path / "k.png")
    with pytest.raises(ShapeError, match=r"'oks'.*'high'"):
        save_keypoint_plot([keypoint(oks="high")], tmp_path / "k.png")


POSE_26 = ("box_loss", "pose_loss", "kobj_loss", "cls_loss", "l1_loss", "rle_loss")


def epoch_row(epoch, losses=("box_loss",), parts="B", **more):
    values = {"epoch": epoch, "time": 10.0 * epoch}
    values |= {f"train/{loss}": 3 / epoch for loss in losses}
    values |= {
        f"metrics/{name}({part})": 1 - 1 / epoch
        for part in parts
        for name in ("precision", "recall", "mAP50", "mAP50-95")
    }
    values |= {f"val/{loss}": 4 / epoch for loss in losses}
    return values | {f"lr/pg{group}": 0.01 / epoch for group in range(3)} | more


def course(rows, path):
    save_results_plot(rows, path / "results.png")
    return read(path / "results.png")


def test_every_loss_and_metric_adds_to_the_picture(tmp_path):
    small = course([epoch_row(epoch) for epoch in range(1, 30)], tmp_path)
    large = course([epoch_row(epoch, POSE_26, "BP") for epoch in range(1, 30)], tmp_path)
    assert small.shape[1] == large.shape[1]
    assert large.shape[0] > 1.5 * small.shape[0]
    assert count_color(large, bgr_of(TRAIN_COLOR)) > 4 * count_color(small, bgr_of(TRAIN_COLOR))
    assert count_color(large, bgr_of(METRIC_COLOR)) > 1.7 * count_color(small, bgr_of(METRIC_COLOR))


def test_epochs_without_validation_leave_out_its_line(tmp_path):
    rows = [
        {key: value for key, value in epoch_row(epoch).items() if not key.startswith("val/")} for epoch in range(1, 9)
    ]
    assert count_color(course(rows, tmp_path), bgr_of(VAL_COLOR)) == 0
    assert count_color(course([*rows, epoch_row(9), epoch_row(10)], tmp_path), bgr_of(VAL_COLOR)) > 0


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_left_out(bad, tmp_path):
    rows = [epoch_row(epoch) for epoch in range(1, 9)]
    left_out = [values if number != 4 else values | {"train/box_loss": bad} for number, values in enumerate(rows)]
    missing = [values if number != 4 else {k: v for k, v in values.items() if k != "train/box_loss"}
               for number, values in enumerate(rows)]  # fmt: skip
    np.testing.assert_array_equal(course(left_out, tmp_path), course(missing, tmp_path))


@pytest.mark.parametrize("count", [0, 1, 2, 500])
def test_any_number_of_epochs_is_drawn(count, tmp_path):
    picture = course([epoch_row(epoch) for epoch in range(1, count + 1)], tmp_path)
    assert picture.shape[1] > 1700
    assert (count_color(picture, bgr_of(METRIC_COLOR)) > 0) == (count > 0)


def test_values_that_never_change_and_unknown_columns_are_drawn(tmp_path):
    rows = [epoch_row(epoch) | {"metrics/mAP50(B)": 0.0, "metrics/own": 7.0, "weather": 1.0} for epoch in range(1, 4)]
    assert course(rows, tmp_path).shape[0] > course([epoch_row(1)], tmp_path).shape[0]


def test_very_many_learning_rates_stay_in_their_panel(tmp_path):
    rows = [epoch_row(epoch, losses=()) | {f"lr/pg{n}": n / epoch for n in range(28)} for epoch in (1, 2)]
    picture = course(rows, tmp_path)
    blue = (np.abs(picture.astype(int) - CLASS_COLORS[6]) <= 12).all(axis=-1)
    assert blue.sum() > 100
    assert np.nonzero(blue)[1].max() < picture.shape[1] / 4


def test_equal_learning_rates_are_all_seen(tmp_path):
    picture = course([epoch_row(epoch) for epoch in range(1, 20)], tmp_path)
    assert all(count_color(picture, CLASS_COLORS[number], 12) > 20 for number in (6, 3))


def test_smoothing_keeps_constants_and_evens_out_the_rest():
    np.testing.assert_allclose(smoothed(np.full(9, 0.25)), 0.25)
    noisy = np.where(np.arange(100) % 2, 1.0, 0.0)
    assert np.abs(smoothed(noisy)[10:-10] - 0.5).max() < 0.01
    assert smoothed(np.zeros(0)).shape == (0,)


def test_smoothing_is_a_gaussian_of_three_epochs():
    impulse = smoothed(np.eye(41)[20])
    expected = np.exp(-0.5 * ((np.arange(41) - 20) / 3) ** 2)
    np.testing.assert_allclose(impulse, expected / expected.sum(), atol=1e-3)
