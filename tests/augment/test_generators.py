"""Random numbers belong to seed, epoch and picture."""

from posekit.augment.chance import picture_generator


def test_the_same_key_gives_the_same_numbers_and_any_other_gives_others():
    keys = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 1), (12345678901, 300, 118000)]
    drawn = [picture_generator(*key).random() for key in keys]
    assert drawn == [picture_generator(*key).random() for key in keys]
    assert len(set(drawn)) == len(keys)
