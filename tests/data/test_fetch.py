"""A split must be there, or is fetched."""

import functools
import http.server
import logging
import threading
import zipfile
from pathlib import Path

import pytest
import yaml

from posekit.data.dataset import UNFINISHED_MARK, read_description, require_split
from posekit.errors import DatasetError, DatasetKeyError, DatasetNotFoundError, DownloadError, OutputError

SET = {"images/train/a.jpg": "A", "images/val/b.jpg": "B", "labels/train/a.txt": "0", "labels/val/b.txt": "1"}


class Site:
    """A folder that a local server offers, and what it was asked for."""

    def __init__(self, folder):
        self.folder, self.asked, self.port = folder, [], 0

    def url(self, name):
        return f"http://127.0.0.1:{self.port}/{name}"

    def offer(self, name, content, top=""):
        with zipfile.ZipFile(self.folder / name, "w") as archive:
            for path, text in content.items():
                archive.writestr(f"{top}{path}", text)
        return self.url(name)


class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        self.server.site.asked.append(self.path.strip("/"))
        super().do_GET()

    def log_message(self, *args):
        pass


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    folder = tmp_path / "site"
    folder.mkdir()
    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.site = Site(folder)
        server.site.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.site
        server.shutdown()
        thread.join()


@pytest.fixture
def sets(tmp_path):
    return tmp_path / "sets"


@pytest.fixture
def describe(here, sets):
    """Return a function that writes a YAML and reads it."""

    def read(download, **more):
        keys = {"path": "mine", "train": "images/train", "val": "images/val", "names": ["a"]} | more
        (here / "mine.yaml").write_text(yaml.safe_dump(keys | {"download": download}))
        return read_description("mine.yaml", task="detect", datasets_dir=sets)

    return read


def files_in(folder):
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("top", ["", "mine/", "other-name/"])
def test_a_missing_set_is_fetched_whole_and_once(site, sets, describe, caplog, top):
    caplog.set_level(logging.INFO)
    url = site.offer("mine.zip", SET, top)
    description = describe(url)
    assert require_split(description, "val", datasets_dir=sets).splits["val"] == (sets / "mine" / "images" / "val",)
    assert files_in(sets) == {f"mine/{name}": text for name, text in SET.items()}
    assert f"mine.yaml: fetching {url} into {sets / 'mine'}; its licence is the provider's" in caplog.messages
    require_split(description, "train", datasets_dir=sets)
    assert site.asked == ["mine.zip"]


def test_reading_alone_fetches_nothing(site, sets, describe):
    describe(site.offer("mine.zip", SET))
    assert site.asked == []
    assert not sets.exists()


def test_a_single_top_folder_that_the_splits_name_stays(site, sets, describe):
    description = describe(site.offer("a.zip", {"images/val/b.jpg": "B"}))
    assert require_split(description, "val", datasets_dir=sets)
    assert files_in(sets) == {"mine/images/val/b.jpg": "B"}


def test_archives_go_into_the_folders_that_are_named_for_them(site, sets, describe):
    labels = site.offer("labels.zip", {"labels/val/b.txt": "1", "val.txt": "./images/val/b.jpg"}, "mine/")
    pictures = site.offer("val.zip", {"b.jpg": "B"}, "val/")
    description = describe({"": [labels], "images": pictures}, val="val.txt")
    assert require_split(description, "val", datasets_dir=sets).splits["val"] == (sets / "mine" / "val.txt",)
    assert files_in(sets / "mine") == {
        "labels/val/b.txt": "1",
        "val.txt": "./images/val/b.jpg",
        "images/val/b.jpg": "B",
    }


def test_pictures_that_lie_in_the_other_order_are_found_after_fetching(site, sets, describe):
    description = describe(site.offer("mine.zip", {"val/images/b.jpg": "B", "train/images/a.jpg": "A"}))
    assert require_split(description, "val", datasets_dir=sets).splits["val"] == (sets / "mine" / "val" / "images",)


def test_files_that_are_there_stay_as_they_are(site, sets, describe, here):
    own = here / "mine" / "labels" / "val" / "b.txt"
    own.parent.mkdir(parents=True)
    own.write_text("own")
    description = describe(site.offer("mine.zip", SET))
    require_split(description, "val", datasets_dir=sets)
    assert files_in(here / "mine") == SET | {"labels/val/b.txt": "own"}


def test_a_set_that_was_left_half_moved_is_fetched_again(site, sets, describe):
    description = describe(site.offer("mine.zip", SET))
    (sets / "mine" / "images" / "val").mkdir(parents=True)
    (sets / "mine" / UNFINISHED_MARK).touch()
    require_split(description, "val", datasets_dir=sets)
    assert files_in(sets / "mine") == SET


def test_a_half_moved_set_without_addresses_is_missing(sets, describe):
    description = describe(None)
    (sets / "mine" / "images" / "val").mkdir(parents=True)
    require_split(description, "val", datasets_dir=sets)
    (sets / "mine" / UNFINISHED_MARK).touch()
    with pytest.raises(DatasetNotFoundError, match="not exist"):
        require_split(description, "val", datasets_dir=sets)


def test_one_bad_archive_of_two_leaves_no_set(site, sets, describe):
    good = site.offer("good.zip", SET)
    (site.folder / "bad.zip").write_bytes((site.folder / "good.zip").read_bytes()[:-30])
    description = describe([good, site.url("bad.zip")])
    for _ in range(2):
        with pytest.raises(DatasetError, match=r"bad.zip: cannot be unpacked"):
            require_split(description, "val", datasets_dir=sets)
        assert [path.name for path in sets.iterdir()] == ["downloads"]
    # The good one waits for the next attempt; the bad one is fetched afresh each time.
    assert site.asked == ["good.zip", "bad.zip", "bad.zip"]
    site.offer("bad.zip", {"more.txt": "m"})
    require_split(description, "val", datasets_dir=sets)
    assert files_in(sets) == {f"mine/{name}": text for name, text in (SET | {"more.txt": "m"}).items()}


def test_a_web_page_in_place_of_an_archive_is_told(site, sets, describe):
    (site.folder / "mine.zip").write_text("<!DOCTYPE html>")
    with pytest.raises(DatasetError, match=r"is no zip or tar archive \(it starts with b'<!DOCTYPE html>'\)"):
        require_split(describe(site.url("mine.zip")), "val", datasets_dir=sets)


def test_an_archive_that_lacks_the_split_is_told(site, sets, describe):
    description = describe(site.offer("mine.zip", {"images/train/a.jpg": "A"}))
    with pytest.raises(DatasetNotFoundError, match=r"for `val`, .*mine/images/val does not exist"):
        require_split(description, "val", datasets_dir=sets)
    assert require_split(description, "train", datasets_dir=sets)


def test_a_server_that_refuses_is_told(site, sets, describe):
    with pytest.raises(DownloadError, match="the server answered 404"):
        require_split(describe(site.url("none.zip")), "val", datasets_dir=sets)


@pytest.mark.parametrize("script", ["bash data/get.sh", "from x import download\ndownload('y')\n" + "# more\n" * 100])
def test_a_script_is_shown_and_not_run(sets, describe, script):
    with pytest.raises(
        DatasetError, match="holds a script, which posekit does not run: only URLs are followed"
    ) as caught:
        require_split(describe(script), "val", datasets_dir=sets)
    text = str(caught.value)
    assert f"It reads: {script.splitlines()[0]}" in text
    assert "\n" not in text
    assert len(text) < 900
    assert not sets.exists()


def test_a_script_does_no_harm_where_the_pictures_are(sets, describe):
    (sets / "mine" / "images" / "val").mkdir(parents=True)
    assert require_split(describe("bash get.sh"), "val", datasets_dir=sets)


@pytest.mark.parametrize("folder", ["../out", "/out"])
def test_a_folder_outside_the_root_is_refused(site, sets, describe, folder):
    description = describe({folder: site.offer("mine.zip", SET)})
    with pytest.raises(DatasetError, match="expected one below the root"):
        require_split(description, "val", datasets_dir=sets)
    assert [path.name for path in sets.iterdir()] == ["downloads"]


def test_a_root_that_cannot_be_written_is_told(site, sets, describe):
    sets.mkdir()
    (sets / "file").touch()
    description = describe(site.offer("mine.zip", SET), path=str(sets / "file" / "mine"))
    with pytest.raises(OutputError, match="cannot be written"):
        require_split(description, "val", datasets_dir=sets)


def test_names_of_a_coco_file_that_must_be_fetched(site, sets, here):
    content = '{"images": [], "annotations": [], "categories": [{"id": 1, "name": "cat"}]}'
    url = site.offer("mine.zip", {"val.json": content, "images/a.jpg": "A"})
    Path("mine.yaml").write_text(yaml.safe_dump({"path": "mine", "val": "val.json", "download": url}))
    assert read_description("mine.yaml", task="detect", datasets_dir=sets).names == {0: "cat"}
    assert site.asked == ["mine.zip"]


@pytest.fixture
def describe_set(here):
    """Return a function that reads a YAML of the given keys."""

    def read(**keys):
        (here / "set.yaml").write_text(yaml.safe_dump({"names": ["a"]} | keys))
        return read_description("set.yaml", task="detect")

    return read


def test_only_the_split_that_is_asked_for_must_exist(describe_set, here):
    (here / "val").mkdir()
    description = describe_set(train="train", val="val")
    assert require_split(description, "val").splits["val"] == (here / "val",)
    with pytest.raises(DatasetNotFoundError, match=r"set.yaml: for `train`, .*/train does not exist"):
        require_split(description, "train")


def test_a_split_that_is_not_named_is_told(describe_set):
    with pytest.raises(DatasetKeyError, match=r"set.yaml names no pictures for `test`; it has `train`, `val`"):
        require_split(describe_set(train="train", val="val"), "test")


def test_every_part_of_a_split_must_exist(describe_set, here):
    (here / "a").mkdir()
    description = describe_set(val=["a", "b", "c"])
    with pytest.raises(DatasetNotFoundError, match=r"/b and .*/c do not exist"):
        require_split(description, "val")


def test_the_annotations_of_the_split_must_exist(describe_set, here):
    (here / "val").mkdir()
    description = describe_set(val="val", annotations={"val": "val.json", "train": "train.json"})
    with pytest.raises(DatasetNotFoundError, match=r"val.json does not exist"):
        require_split(description, "val")
    (here / "val.json").touch()
    assert require_split(description, "val").splits["val"] == (here / "val",)


def test_the_message_lists_where_the_root_was_looked_for(describe_set, here):
    description = describe_set(path="somewhere", val="val")
    with pytest.raises(DatasetNotFoundError) as caught:
        require_split(description, "val")
    for place in (here / "somewhere", here / "datasets" / "somewhere"):
        assert str(place) in str(caught.value)


def test_a_built_in_set_that_nobody_offers_says_how_to_make_it(here):
    description = read_description("coco8-multitask", task="multitask")
    with pytest.raises(DatasetNotFoundError, match="There is no public archive of coco8-multitask"):
        require_split(description, "val")
