import os
from contextlib import nullcontext

import pytest
from PIL import Image

from engine.outputs import Grid, InvalidOutput, Output


def output(place, *, prompt="a red heart", files=1):
    return Output(place=str(place), prompt=prompt, files=files)


def test_a_named_file_is_overwritten(tmp_path):
    file = tmp_path / "heart.png"
    file.write_bytes(b"old")
    assert output(file).save(b"new", index=0, seed=7) == file
    assert file.read_bytes() == b"new"


def test_several_pictures_are_numbered_from_one(tmp_path):
    several = output(tmp_path / "heart.png", files=2)
    assert [several.save(b"", index=index, seed=7).name for index in (0, 1)] == ["heart-1.png", "heart-2.png"]


def test_in_a_folder_a_file_is_named_after_prompt_and_seed(tmp_path):
    assert output(tmp_path).save(b"", index=0, seed=7) == tmp_path / "a-red-heart-7.png"


def test_in_a_folder_nothing_is_overwritten(tmp_path):
    names = [output(tmp_path).save(b"", index=0, seed=7).name for _ in range(3)]
    assert names == ["a-red-heart-7.png", "a-red-heart-7-2.png", "a-red-heart-7-3.png"]


def test_a_name_that_ends_in_a_separator_is_a_new_folder(tmp_path):
    file = output(f"{tmp_path}/new/er/").save(b"", index=0, seed=7)
    assert file == tmp_path / "new" / "er" / "a-red-heart-7.png"


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("Ein Schloß, Übersee!", "ein-schlo-ubersee-1.png"),
        ("../../etc/passwd", "etc-passwd-1.png"),
        ("画一颗心", "picture-1.png"),
        ("a" * 6000, f"{'a' * 48}-1.png"),
        ("\0", "picture-1.png"),
    ],
    ids=["accents", "a path", "no latin letter", "very long", "nul"],
)
def test_any_prompt_gives_a_plain_name(tmp_path, prompt, name):
    assert output(tmp_path, prompt=prompt).save(b"", index=0, seed=1).name == name


@pytest.mark.parametrize(
    ("name", "extension"),
    [("a.png", "png"), ("a.PNG", "png"), ("a.webp", "webp"), ("a.jpg", "jpg"), ("a.jpeg", "jpeg")],
)
def test_the_name_decides_the_kind_of_file(tmp_path, name, extension):
    assert output(tmp_path / name).extension == extension


@pytest.mark.parametrize("name", ["a.gif", "a", "a.png.txt", ".png"])
def test_other_kinds_of_file_are_refused_with_the_known_ones(tmp_path, name):
    with pytest.raises(InvalidOutput, match=r"must end in one of \.png, \.webp, \.jpg, \.jpeg"):
        output(tmp_path / name)


def test_a_file_in_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InvalidOutput, match="its folder is not there"):
        output(tmp_path / "none" / "a.png")


@pytest.mark.parametrize("files", [1, 2])
def test_a_file_inside_a_file_is_refused(tmp_path, files):
    (tmp_path / "plain").write_bytes(b"")
    with pytest.raises(InvalidOutput, match="cannot be written"):
        output(tmp_path / "plain" / "a.png", files=files)


def test_a_folder_under_a_file_is_refused(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    with pytest.raises(InvalidOutput, match="cannot be written"):
        output(f"{tmp_path}/plain/under/")


def test_an_empty_name_is_refused():
    with pytest.raises(InvalidOutput, match="must be a file or a folder, got an empty name"):
        output("")


def test_a_file_that_is_called_a_folder_is_named(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    with pytest.raises(InvalidOutput, match="plain cannot be made: it is a file"):
        output(f"{tmp_path}/plain/")


@pytest.mark.parametrize("name", ["a" * 300 + ".png", "nul\0.png"], ids=["too long", "nul"])
def test_a_name_that_no_file_can_have_is_refused(tmp_path, name):
    with pytest.raises(InvalidOutput, match="cannot be written"):
        output(tmp_path / name)


def test_each_of_several_files_is_checked(tmp_path):
    (tmp_path / "a-2.png").mkdir()
    with pytest.raises(InvalidOutput, match=r"a-2\.png cannot be written"):
        output(tmp_path / "a.png", files=2)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InvalidOutput, match="Permission denied"):
        output(tmp_path)


def test_checking_leaves_nothing_behind_and_changes_nothing(tmp_path):
    (tmp_path / "old.png").write_bytes(b"old")
    output(tmp_path / "old.png")
    output(tmp_path / "new.png")
    output(tmp_path)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("old.png", b"old")]


def test_checking_a_link_that_points_nowhere_leaves_it_there(tmp_path):
    (tmp_path / "link.png").symlink_to(tmp_path / "nowhere.png")
    file = output(tmp_path / "link.png")
    assert [each.name for each in tmp_path.iterdir()] == ["link.png"]
    file.save(b"new", index=0, seed=7)
    assert (tmp_path / "nowhere.png").read_bytes() == b"new"


@pytest.mark.parametrize(
    ("count", "grid"),
    [(1, Grid(1, 1)), (2, Grid(1, 2)), (3, Grid(2, 2)), (4, Grid(2, 2)), (5, Grid(2, 3)), (16, Grid(4, 4))],
)
def test_a_grid_is_as_square_as_can_be(count, grid):
    assert Grid.of(count) == grid


@pytest.mark.parametrize(("extension", "is_refused"), [("webp", True), ("png", False), ("jpg", False)])
def test_a_grid_that_a_kind_of_file_cannot_hold_is_refused(extension, is_refused):
    Grid(1, 15).check(1024, 64, extension)
    with pytest.raises(InvalidOutput, match="16384x64 is too large for webp") if is_refused else nullcontext():
        Grid(1, 16).check(1024, 64, extension)


def test_a_grid_puts_pictures_row_by_row_and_leaves_the_rest_black():
    red, green = Image.new("RGB", (8, 4), (255, 0, 0)), Image.new("RGB", (8, 4), (0, 255, 0))
    whole = Grid(2, 2).compose({1: red, 2: green})
    assert whole.size == (16, 8)
    assert [whole.getpixel(place) for place in ((0, 0), (8, 0), (0, 4), (15, 7))] == [
        (0, 0, 0),
        (255, 0, 0),
        (0, 255, 0),
        (0, 0, 0),
    ]
