"""What a user may hand to predict: files, folders, patterns, lists, downloads, pictures in memory."""

import os
import socket
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from posekit.errors import (
    DownloadError,
    MissingExtraError,
    SettingError,
    SourceNotFoundError,
    SourceTypeError,
    SourceValueError,
    UnreadableImageError,
)
from posekit.files.download import download_media, is_live_url, is_media_url, is_url, mask_credentials, serves_picture
from posekit.io.live import ScreenSource, StreamSource
from posekit.io.open_source import expand_pattern, find_files, open_source


def shape(source) -> list[list[str]]:
    """Names of the files in each batch."""
    with source as batches:
        return [[Path(sample.path).stem for sample in batch] for batch in batches]


def test_a_list_of_paths_is_one_batch(opened, media_folder):
    assert shape(opened(["p3.png", Path("p0.png"), "p1.png"])) == [["p3", "p0", "p1"]]
    assert shape(opened(("p3.png", "v1.avi", "p1.png"), vid_stride=20)) == [["p3"], ["v1"], ["p1"]]


def test_webcam_numbers_and_live_urls_are_streams(opened, tmp_path):
    (tmp_path / "cams.streams").write_text("rtsp://a/1\n\n1\n")
    for source, count in ((0, 1), ("0", 1), ("rtsp://user:pw@host/live", 1), (str(tmp_path / "cams.streams"), 2)):
        stream = opened(source)
        assert isinstance(stream, StreamSource)
        assert (stream.count, stream.live, stream.is_video) == (count, True, True)


def test_the_word_screen_stands_for_it_unless_a_file_has_that_name(opened, media_folder):
    assert isinstance(opened("screen 1"), ScreenSource)
    (media_folder / "screen").mkdir()
    (media_folder / "p0.png").rename(media_folder / "screen" / "p0.png")
    assert shape(opened("screen")) == [["p0"]]


@pytest.mark.parametrize("source", [b"a.jpg", {"a": 1}, 1.5, True, object(), [b"a.jpg"], [[1, 2]], None])
def test_another_type_is_refused_with_the_accepted_ones(opened, source):
    with pytest.raises(SourceTypeError, match="pass"):
        opened(source)


def test_a_tensor_in_a_list_is_refused(opened):
    with pytest.raises(SourceTypeError, match=r"item 0 .* is a tensor"):
        opened([torch.zeros(3, 32, 32)])


def test_a_video_among_arrays_is_refused(opened, media_folder, picture):
    with pytest.raises(SourceTypeError, match=r"v1\.avi: a video cannot"):
        opened([picture, "v1.avi"])


def test_an_empty_list_is_not_found(opened):
    with pytest.raises(SourceNotFoundError, match=r"list of sources is empty.*jpg"):
        opened([])


def test_a_missing_file_is_found_out_at_once(opened, media_folder):
    for source in ("gone.png", ["p0.png", "gone.png"], "gone.streams"):
        with pytest.raises(SourceNotFoundError, match="gone"):
            opened(source)


def test_a_tensor_of_a_wrong_size_is_found_out_at_once(opened):
    with pytest.raises(SourceValueError, match="multiples of 32"):
        opened(torch.zeros(1, 3, 31, 32))


@pytest.mark.parametrize("options", [{"batch": 0}, {"vid_stride": 0}])
def test_counts_below_one_are_refused(opened, media_folder, options):
    with pytest.raises(SettingError, match="at least 1"):
        opened("p0.png", **options)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A folder of empty files: finding does not open them."""
    for name in ("b.JPG", "a.png", "c.mp4", "B.avi", "notes.md", "._a.png", "sub/d.jpg", "sub/deep/e.webp"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(found) -> list[str]:
    return [Path(path).name for path in found]


def test_a_file_is_itself_as_absolute_path(folder):
    assert find_files("a.png") == [folder / "a.png"]
    assert find_files(Path("sub/../b.JPG"))[0].samefile(folder / "b.JPG")


def test_a_file_of_unknown_suffix_is_taken_at_its_word(folder):
    assert names(find_files("notes.md")) == ["notes.md"]


def test_a_folder_gives_pictures_then_videos_sorted_and_not_what_lies_deeper(folder):
    assert names(find_files(folder)) == ["a.png", "b.JPG", "B.avi", "c.mp4"]


def test_a_pattern_gives_its_files_sorted(folder):
    assert names(find_files("*.*")) == ["B.avi", "a.png", "b.JPG", "c.mp4"]
    assert names(find_files(f"{folder}/**/*.*")) == ["B.avi", "a.png", "b.JPG", "c.mp4", "d.jpg", "e.webp"]


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(folder):
    (folder / "x[1].jpg").touch()
    assert names(find_files("x[1].jpg")) == ["x[1].jpg"]


def test_a_text_list_is_relative_to_the_working_folder_then_to_itself(folder):
    (folder / "sub" / "list.txt").write_text("\ufeffa.png\n\n  d.jpg \nhttps://example.com/x.jpg\n", encoding="utf-8")
    found = find_files("sub/list.txt")
    assert found == [folder / "a.png", folder / "sub" / "d.jpg", "https://example.com/x.jpg"]


@pytest.mark.parametrize("text", ["a.png\nb.JPG\n", "source\na.png\nb.JPG\n", 'id,Source\n1,a.png\n2,"b.JPG"\n3,\n'])
def test_a_csv_list_may_have_a_header(folder, text):
    (folder / "list.csv").write_text(text)
    assert names(find_files("list.csv")) == ["a.png", "b.JPG"]


def test_a_missing_file_is_named_with_near_names(folder):
    with pytest.raises(SourceNotFoundError, match=r"a\.pngg: no such file.*near names: a\.png"):
        find_files("a.pngg")
    with pytest.raises(SourceNotFoundError, match="there is no folder"):
        find_files("nowhere/a.png")


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "?"])
def test_what_cannot_be_a_name_is_not_found(folder, name):
    with pytest.raises(SourceNotFoundError):
        find_files(name)


def test_nothing_usable_lists_the_formats(folder):
    (folder / "empty").mkdir()
    (folder / "empty.txt").write_text("\n")
    for source in ("empty", "empty.txt", "*.xyz"):
        with pytest.raises(SourceNotFoundError, match=r"jpeg jpg.*mp4"):
            find_files(source)


def test_a_list_with_a_missing_entry_names_both(folder):
    (folder / "list.txt").write_text("a.png\ngone.png\n")
    with pytest.raises(SourceNotFoundError, match=r"list\.txt: its entry gone\.png"):
        find_files("list.txt")


def test_a_list_that_is_no_text_is_refused(folder):
    (folder / "list.txt").write_bytes(b"\xff\xfe\x00a")
    with pytest.raises(SourceValueError, match="not UTF-8"):
        find_files("list.txt")


def test_a_path_below_a_file_is_not_found(folder):
    with pytest.raises(SourceNotFoundError, match=r"x\.jpg: no such file .*a\.png is no folder"):
        find_files("a.png/x.jpg")


def test_a_link_to_nothing_is_told_as_such(folder):
    (folder / "link.jpg").symlink_to("gone.jpg")
    with pytest.raises(SourceNotFoundError, match=r"link\.jpg: is a link to a place that does not exist"):
        find_files("link.jpg")


def test_a_list_that_is_a_pipe_is_refused_at_once(folder):
    os.mkfifo(folder / "pipe.txt")
    with pytest.raises(UnreadableImageError, match="pipe or a device"):
        find_files("pipe.txt")


def test_a_csv_with_an_endless_cell_is_refused(folder):
    (folder / "list.csv").write_text("x" * 200_000)
    with pytest.raises(SourceValueError, match=r"list\.csv: the list is no CSV"):
        find_files("list.csv")


@pytest.fixture
def tree(tmp_path):
    for name in ("a.jpg", "b.png", "in/c.jpg", "in/deep/d.jpg", ".hidden/e.jpg", "x[1]/f.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.jpg", ["a.jpg"]),
        ("*/*.jpg", ["in/c.jpg", "x[1]/f.jpg"]),
        ("**/*.jpg", ["a.jpg", "in/c.jpg", "in/deep/d.jpg", "x[1]/f.jpg"]),
        ("in/**", ["in/c.jpg", "in/deep", "in/deep/d.jpg"]),
        ("**/deep/*", ["in/deep/d.jpg"]),
        ("**/in/**/*.jpg", ["in/c.jpg", "in/deep/d.jpg"]),
        (".hidden/*", [".hidden/e.jpg"]),
        ("**.jpg", ["a.jpg"]),
        ("a.jpg/**", []),
        ("nowhere/**/*.jpg", []),
    ],
)
def test_patterns_match_as_in_a_shell(tree, pattern, found):
    assert expand_pattern(tree / pattern) == [tree / name for name in found]


def test_links_to_folders_are_followed(tree, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "g.jpg").touch()
    (tree / "in" / "link").symlink_to(elsewhere)
    assert tree / "in" / "link" / "g.jpg" in expand_pattern(tree / "**" / "*.jpg")


def test_links_in_circles_end_and_repeat_nothing(tree):
    for name in ("up", "round"):
        (tree / "in" / name).symlink_to(tree)
    assert len(expand_pattern(tree / "**" / "*.jpg")) == 4


def test_one_file(opened, media_folder, picture):
    for source in ("p0.png", media_folder / "p0.png", os.fspath(media_folder / "p0.png")):
        with opened(source, batch=4) as batches:
            assert (batches.count, batches.live, batches.is_video) == (1, False, False)
            [[sample]] = batches
        assert sample.path == str(media_folder / "p0.png")
        assert np.array_equal(sample.image, picture)
        assert (sample.origin.kind, sample.origin.index, sample.origin.count) == ("image", 1, 1)


def test_a_folder_never_mixes_pictures_and_videos_or_two_videos(opened, media_folder):
    source = opened(media_folder, batch=3, vid_stride=5)
    assert (source.count, source.is_video) == (7, True)
    assert shape(source) == [
        ["p0", "p1", "p2"], ["p3", "p4"], ["v1"] * 3, ["v1"], ["v2"] * 3, ["v2"]
    ]  # fmt: skip


def test_files_are_numbered_from_one_across_kinds(opened, media_folder):
    with opened(media_folder, batch=2, vid_stride=20) as batches:
        origins = [sample.origin for batch in batches for sample in batch]
    assert [origin.index for origin in origins] == [1, 2, 3, 4, 5, 6, 7]
    assert {origin.count for origin in origins} == {7}


def test_iterating_again_starts_again(opened, media_folder):
    source = opened("p*.png", batch=2)
    assert next(iter(source))[0].path == next(iter(source))[0].path
    assert shape(source) == shape(source)


def test_a_single_unreadable_file_raises_its_own_error(opened, media_folder, caplog):
    (media_folder / "p0.png").write_bytes(b"")
    with pytest.raises(UnreadableImageError, match=r"p0\.png: the file is empty"):
        list(opened("p0.png"))
    assert not caplog.records


def test_one_unreadable_file_of_several_is_skipped_with_one_warning(opened, media_folder, caplog):
    (media_folder / "p1.png").write_bytes(b"")
    assert shape(opened("p*.png", batch=2)) == [["p0", "p2"], ["p3", "p4"]]
    [warning] = caplog.messages
    assert "p1.png: the file is empty (0 bytes); skipped" in warning


def test_a_file_without_its_optional_package_is_skipped_too(opened, media_folder, caplog):
    Image.new("RGB", (16, 12)).save(media_folder / "p1.png", "TIFF", tiffinfo={50706: bytes([1, 4, 0, 0])})
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "rawpy", None)
        assert len(shape(opened("p*.png"))) == 4
        with pytest.raises(MissingExtraError):
            list(opened("p1.png"))
    [warning] = caplog.messages
    assert "p1.png: DNG pictures need" in warning


def test_when_nothing_can_be_read_there_is_an_error(opened, media_folder, caplog):
    for name in ("p0.png", "p1.png"):
        (media_folder / name).write_bytes(b"")
    with pytest.raises(UnreadableImageError, match="none of the 2"):
        list(opened(["p0.png", "p1.png"]))
    assert len(caplog.messages) == 2


def test_a_list_of_pictures_in_memory_is_one_batch_whatever_batch_says(opened, media_folder, picture):
    pil = Image.open(media_folder / "p2.png")
    with opened([picture, pil, "p1.png", picture[..., 0]], batch=1) as batches:
        [samples] = batches
    pil.close()
    assert [Path(sample.path).name for sample in samples] == ["image0.jpg", "p2.png", "p1.png", "image3.jpg"]
    assert [sample.origin.index for sample in samples] == [0, 1, 2, 3]
    assert {sample.origin.kind for sample in samples} == {"array"}
    assert np.array_equal(samples[1].image, picture + np.uint8(2))


def test_one_array_one_pil_image_and_one_tensor(opened, picture):
    [[array]] = opened(picture)
    [[pil]] = opened(Image.fromarray(picture[..., ::-1].copy()))
    [[first, second]] = opened(torch.zeros(2, 3, 32, 32))
    assert array.path == pil.path == "image0.jpg"
    assert np.array_equal(array.image, pil.image)
    assert (first.path, second.path) == ("image0.jpg", "image1.jpg")
    assert first.tensor is not None
    assert array.tensor is None


def test_a_damaged_pil_image_of_several_is_skipped(opened, media_folder, picture, caplog):
    (media_folder / "p1.png").write_bytes((media_folder / "p1.png").read_bytes()[:200])
    with Image.open(media_folder / "p1.png") as damaged:
        [[sample]] = opened([damaged, picture])
    assert sample.path == "image1.jpg"
    assert len(caplog.messages) == 1


LAST_MODIFIED = "Wed, 21 Oct 2015 07:28:00 GMT"


def answering(body: bytes, status: int = 200, **headers: str):
    """Answer with these bytes, or with 304 to whoever asks whether they have changed since LAST_MODIFIED."""
    seen: list[str | None] = []

    def answer(request) -> None:
        seen.append(request.headers.get("If-Modified-Since"))
        if seen[-1] == headers.get("Last_Modified", "unknown"):
            request.send_response(304)
            request.end_headers()
            return
        request.send_response(status)
        for name, value in ({"Content_Length": str(len(body))} | headers).items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    return answer, seen


@pytest.mark.parametrize(
    ("text", "url", "live", "media"),
    [
        ("https://a.b/bus.jpg", True, False, True), ("HTTP://a.b/c/v.mp4?x=1#y", True, False, True),
        ("http://a.b/cam", True, False, False), ("http://a.b", True, False, False),
        ("rtsp://a/1.mp4", True, True, False),
        ("rtmp://a", True, True, False), ("tcp://a:1", True, True, False), ("file:///etc/passwd", False, False, False),
        ("ftp://a/b.jpg", False, False, False), ("C:/a.jpg", False, False, False), ("a.jpg", False, False, False),
    ],
)  # fmt: skip
def test_kinds_of_urls(text, url, live, media):
    assert (is_url(text), is_live_url(text), is_media_url(text)) == (url, live, media)


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("rtsp://user:secret@cam:554/x", "rtsp://user:***@cam:554/x"), ("rtsp://cam/x@y", "rtsp://cam/x@y"),
        ("rtsp://u:p@ss@cam/", "rtsp://u:***@cam/"),
    ],
)  # fmt: skip
def test_passwords_are_masked(url, masked):
    assert mask_credentials(url) == masked


def test_a_picture_is_downloaded_under_its_own_name(tmp_path, serve, picture):
    body = cv2.imencode(".png", picture)[1].tobytes()
    base = serve(answering(body)[0])
    with open_source(f"{base}/a/b%C3%BCs.png?size=big", download_dir=tmp_path / "cache") as source:
        [[sample]] = source
    assert sample.path.startswith(str(tmp_path / "cache"))
    assert sample.path.endswith("/büs.png")
    assert np.array_equal(sample.image, picture)
    assert sample.origin.kind == "image"


def test_a_video_is_downloaded(tmp_path, serve, write_video):
    base = serve(answering(write_video(tmp_path / "a.avi").read_bytes())[0])
    with open_source(f"{base}/clip.avi", batch=8, download_dir=tmp_path) as source:
        assert source.is_video
        assert [len(batch) for batch in source] == [8, 8, 4]


def test_a_url_without_suffix_is_a_picture_if_the_server_says_so(tmp_path, serve, picture):
    picture_url = serve(answering(cv2.imencode(".jpg", picture)[1].tobytes(), Content_Type="image/jpeg")[0])
    other_url = serve(answering(b"", Content_Type="multipart/x-mixed-replace; boundary=x")[0])
    assert serves_picture(f"{picture_url}/snapshot")
    [[sample]] = open_source(f"{picture_url}/snapshot", download_dir=tmp_path)
    assert sample.image.shape == picture.shape
    assert isinstance(open_source(f"{other_url}/cam", download_dir=tmp_path), StreamSource)


def test_what_has_not_changed_is_not_sent_again(tmp_path, serve):
    answer, seen = answering(b"picture", Last_Modified=LAST_MODIFIED)
    url = f"{serve(answer)}/a.jpg"
    first = download_media(url, tmp_path)
    assert download_media(url, tmp_path) == first
    assert first.read_bytes() == b"picture"
    assert seen == [None, LAST_MODIFIED]


def test_what_may_have_changed_is_sent_again(tmp_path, serve):
    bodies = [b"one", b"two"]
    url = f"{serve(lambda request: answering(bodies.pop(0))[0](request))}/a.jpg"
    assert download_media(url, tmp_path).read_bytes() == b"one"
    assert download_media(url, tmp_path).read_bytes() == b"two"


def test_equal_names_of_different_urls_do_not_meet(tmp_path, serve):
    base = serve(lambda request: answering(request.path.encode())[0](request))
    one, two = download_media(f"{base}/1/a.jpg", tmp_path), download_media(f"{base}/2/a.jpg", tmp_path)
    assert (one.name, two.name) == ("a.jpg", "a.jpg")
    assert (one.read_bytes(), two.read_bytes()) == (b"/1/a.jpg", b"/2/a.jpg")


def test_no_name_leaves_the_cache_folder(tmp_path, serve):
    base = serve(answering(b"x")[0])
    for name in ("..%2F..%2Fevil.jpg", "%2e%2e/evil.jpg", "a%00b.jpg", ".."):
        path = download_media(f"{base}/{name}", tmp_path / "cache")
        assert path.resolve().is_relative_to((tmp_path / "cache").resolve())


def test_a_server_error_and_no_server_are_one_clear_line(tmp_path, serve):
    with pytest.raises(DownloadError, match=r"/gone\.jpg: the server answered 404"):
        download_media(f"{serve(answering(b'', 404)[0])}/gone.jpg", tmp_path)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(DownloadError, match="cannot be reached"):
            download_media(f"http://127.0.0.1:{unused.getsockname()[1]}/a.jpg", tmp_path)
    with pytest.raises(DownloadError, match="http://"):
        download_media("http://[bad/a.jpg", tmp_path)


def test_a_download_that_breaks_off_leaves_no_file(tmp_path, serve):
    with pytest.raises(DownloadError, match=r"broke after 4 of 9 bytes"):
        download_media(f"{serve(answering(b'half', Content_Length='9')[0])}/a.jpg", tmp_path)
    assert not [name for _, _, names in os.walk(tmp_path) for name in names]


def test_a_pasted_url_may_hold_spaces_and_letters_of_any_language(tmp_path, serve):
    paths = []

    def answer(request) -> None:
        paths.append(request.path)
        answering(b"x")[0](request)

    download_media(f"{serve(answer)}/a b/日本%20語.jpg?q=ä&r=1", tmp_path)
    assert paths == ["/a%20b/%E6%97%A5%E6%9C%AC%20%E8%AA%9E.jpg?q=%C3%A4&r=1"]
