from engine.onebyone import OneByOne


def test_whoever_is_alone_has_their_turn_at_once():
    assert OneByOne().add("ann", "flux")


def test_whoever_comes_later_waits():
    line = OneByOne()
    line.add("ann", "flux")
    assert not line.add("bob", "flux")


def test_each_model_has_a_line_of_its_own():
    line = OneByOne()
    line.add("ann", "flux")
    assert line.add("bob", "sd3")


def test_when_somebody_leaves_the_next_has_their_turn():
    line = OneByOne()
    for name in ("ann", "bob", "cid"):
        line.add(name, "flux")
    assert [line.remove(name, "flux") for name in ("ann", "bob", "cid")] == ["bob", "cid", None]


def test_when_somebody_leaves_who_waits_it_is_nobody_elses_turn():
    line = OneByOne()
    for name in ("ann", "bob", "cid"):
        line.add(name, "flux")
    assert line.remove("bob", "flux") is None
    assert line.remove("ann", "flux") == "cid"


def test_whoever_is_not_there_is_left_alone():
    line = OneByOne()
    line.add("ann", "flux")
    assert line.remove("bob", "flux") is None
    assert line.remove("bob", "sd3") is None
    assert line.remove("ann", "flux") is None
