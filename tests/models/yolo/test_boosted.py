from posekit.models.yolo.training import fast_parameters
from small_networks import small_network


def test_class_branches_of_the_head_are_boosted_and_nothing_that_shares_their_name():
    names = fast_parameters(small_network("yolo26n-seg"))
    assert {name.split(".")[2] for name in names} == {"cv3", "one2one_cv3", "proto"}
    assert {name.split(".")[3] for name in names if ".proto." in name} == {"semseg"}
    assert {name.split(".")[1] for name in names} == {"23"}
    assert "model.23.cv3.0.2.bias" in names
