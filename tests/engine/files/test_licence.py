from engine.files.licence import MAX_BYTES, MOST, licence_files


def names(folder):
    return [file.name for file in licence_files(folder)]


def test_a_models_licence_lies_in_its_folder(tmp_path):
    for name in ("LICENSE", "licence.md", "LICENSE-weights.txt", "LICENSED", "README.md", "model.toml"):
        (tmp_path / name).write_text("MIT")
    assert names(tmp_path) == ["LICENSE", "LICENSE-weights.txt", "licence.md"]


def test_what_is_no_readable_text_of_its_own_is_left_out(tmp_path):
    model = tmp_path / "model"
    (model / "LICENSE.d").mkdir(parents=True)
    (model / "LICENSE.large").write_bytes(b"x" * (MAX_BYTES + 1))
    (tmp_path / "secret").write_text("secret")
    (model / "LICENSE.link").symlink_to(tmp_path / "secret")
    (model / "LICENSE.gone").symlink_to(tmp_path / "gone")
    assert names(model) == []


def test_there_are_not_many(tmp_path):
    for number in range(9):
        (tmp_path / f"LICENSE.{number}").touch()
    assert len(names(tmp_path)) == MOST


def test_a_single_file_of_weights_has_none(tmp_path):
    (tmp_path / "dream.safetensors").touch()
    assert licence_files(tmp_path / "dream.safetensors") == ()
