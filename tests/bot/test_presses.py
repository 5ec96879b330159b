from bot.presses import Presses


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_a_second_press_within_two_seconds_is_a_repeat():
    clock = Clock()
    presses = Presses(clock=clock)
    assert not presses.is_repeat(1, 900, "reroll", 5)
    clock.now += 1.9
    assert presses.is_repeat(1, 900, "reroll", 5)


def test_a_press_two_seconds_later_counts():
    clock = Clock()
    presses = Presses(clock=clock)
    presses.is_repeat(1, 900, "reroll", 5)
    clock.now += 2
    assert not presses.is_repeat(1, 900, "reroll", 5)


def test_another_member_presses_for_themselves():
    presses = Presses(clock=Clock())
    presses.is_repeat(1, 900, "reroll", 5)
    assert not presses.is_repeat(2, 900, "reroll", 5)


def test_another_button_is_another_press():
    presses = Presses(clock=Clock())
    presses.is_repeat(1, 900, "reroll", 5)
    assert not presses.is_repeat(1, 900, "edit", 5)


def test_old_presses_are_forgotten():
    clock = Clock()
    presses = Presses(clock=clock)
    for number in range(100):
        presses.is_repeat(1, 900, "reroll", number)
        clock.now += 2
    assert len(presses._pressed_at) == 1
