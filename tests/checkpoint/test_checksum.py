import hashlib
import subprocess

import pytest

from posekit.errors import DownloadError
from posekit.files.download import check_record, record_path, sha256_of, write_record


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.pt"
    path.write_bytes(b"weights" * 300_000)
    return path


def test_the_sum_is_that_of_the_content(file):
    assert sha256_of(file) == hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_file_without_record_is_accepted(file):
    check_record(file)


def test_an_unchanged_file_passes_and_a_changed_one_does_not(file):
    write_record(file, sha256_of(file), source="http://x", verified=False)
    check_record(file)
    file.write_bytes(b"other")
    with pytest.raises(DownloadError, match="is not the file that was downloaded"):
        check_record(file)


def test_an_unreadable_record_is_no_pass(file):
    record_path(file).write_text("# nothing\n\n")
    with pytest.raises(DownloadError):
        check_record(file)


def test_the_record_says_whether_it_was_verified_and_serves_sha256sum(file):
    write_record(file, sha256_of(file), source="http://x/a.pt", verified=False)
    assert "http://x/a.pt: recorded at the first download, unverified" in record_path(file).read_text()
    subprocess.run(["sha256sum", "--check", "--strict", record_path(file).name], cwd=file.parent, check=True)
