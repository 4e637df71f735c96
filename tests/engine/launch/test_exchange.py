from posekit.engine.launch import Exchange


def test_what_was_left_under_a_name_is_found_there(tmp_path):
    exchange = Exchange(tmp_path)
    exchange.put("job", {"epochs": 3, "classes": (0, 2)})
    exchange.put("job", {"epochs": 4})
    assert Exchange(tmp_path).get("job") == {"epochs": 4}
    assert [path.name for path in tmp_path.iterdir()] == ["job.pickle"]


def test_nothing_is_there_before(tmp_path):
    assert Exchange(tmp_path).get("job") is None
