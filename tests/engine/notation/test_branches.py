from engine.notation.branches import Choice, taken

WORDS = ["x", "[", "a", "|", "{", "b", "|", "c", "}", "]", "y"]
CHOICES = {1: Choice.between([1, 3, 9]), 4: Choice.between([4, 6, 8])}


def test_each_bracket_is_one_of_its_branches():
    assert taken(WORDS, CHOICES, {1: 0}.get) == "xay"
    assert taken(WORDS, CHOICES, {1: 1, 4: 0}.get) == "xby"
    assert taken(WORDS, CHOICES, {1: 1, 4: 1}.get) == "xcy"


def test_only_brackets_that_are_reached_are_asked_for():
    asked = []

    def take(place):
        asked.append(place)
        return 0

    taken(WORDS, CHOICES, take)
    assert asked == [1]


def test_a_bracket_that_is_no_choice_is_text():
    assert taken(WORDS, {}, {}.get) == "x[a|{b|c}]y"


def test_branches_may_be_empty():
    assert taken(["[", "|", "]", "z"], {0: Choice.between([0, 1, 2])}, {0: 1}.get) == "z"
