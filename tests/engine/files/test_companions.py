"""Embeddings and VAEs, listed by their headers."""

import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file

from engine.files.companions import embeddings_in, vaes_in
from engine.texts.embeddings import Embeddings

WIDTH = 192


def save(file, **tensors):
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, file)
    return file


def test_an_embedding_is_told_by_its_name_its_word_and_its_size(tmp_path):
    file = save(tmp_path / "gold.safetensors", **{"<golden>": torch.zeros(2, WIDTH)})
    (found,) = embeddings_in([tmp_path], [WIDTH])
    assert (found.name, found.words, found.size_bytes, found.fault) == ("gold", ("<golden>",), file.stat().st_size, "")


def test_what_trainers_call_every_tensor_is_no_word(tmp_path):
    save(tmp_path / "gold.safetensors", emb_params=torch.zeros(2, WIDTH))
    assert embeddings_in([tmp_path], [WIDTH])[0].words == ()


def test_the_first_folder_goes_before(tmp_path):
    save(tmp_path / "a" / "gold.safetensors", emb_params=torch.zeros(1, WIDTH))
    save(tmp_path / "b" / "Gold.safetensors", emb_params=torch.zeros(9, WIDTH))
    assert [found.name for found in embeddings_in([tmp_path / "a", tmp_path / "b"], [WIDTH])] == ["gold"]


def test_folders_need_not_exist(tmp_path):
    assert embeddings_in([tmp_path / "none"], [WIDTH]) == ()
    assert vaes_in(tmp_path / "none") == vaes_in(None) == ()


@pytest.mark.parametrize(
    "tensors",
    [
        {"x": torch.zeros(3, WIDTH)},
        {"x": torch.zeros(WIDTH)},
        {"x": torch.zeros(3, 768)},
        {"x": torch.zeros(76, WIDTH)},
        {"x": torch.zeros(1, 1, WIDTH)},
        {"x": torch.zeros(3, WIDTH), "y": torch.zeros(3, WIDTH)},
    ],
    ids=["good", "flat", "wide", "many", "deep", "two"],
)
def test_an_embedding_is_faulty_where_it_would_be_left_out_of_prompts(tmp_path, tensors):
    save(tmp_path / "gold.safetensors", **tensors)
    (found,) = embeddings_in([tmp_path], [WIDTH])
    assert bool(found.fault) == bool(Embeddings([tmp_path], widths=[WIDTH]).notes("gold"))


@pytest.mark.parametrize(
    "tensors",
    [
        {"clip_l": torch.zeros(2, 768), "clip_g": torch.zeros(2, 1280)},
        {"clip_l": torch.zeros(2, 768), "clip_g": torch.zeros(3, 1280)},
        {"clip_l": torch.zeros(2, 700), "clip_g": torch.zeros(2, 1280)},
        {"clip_l": torch.zeros(2, 768), "other": torch.zeros(2, 1280)},
        {"clip_l": torch.zeros(2, 768)},
    ],
    ids=["good", "uneven", "wide", "foreign", "one"],
)
def test_an_embedding_for_two_encoders_is_faulty_where_it_would_be_left_out_of_prompts(tmp_path, tensors):
    save(tmp_path / "gold.safetensors", **tensors)
    (found,) = embeddings_in([tmp_path], [768, None])
    assert bool(found.fault) == bool(Embeddings([tmp_path], widths=[768, 1280]).notes("gold"))
    assert found.words == ()


def test_a_file_that_is_no_safetensors_says_so(tmp_path):
    (tmp_path / "broken.safetensors").write_bytes(b"broken")
    assert "no safetensors file" in embeddings_in([tmp_path], [WIDTH])[0].fault


def test_vaes_are_files_and_folders(tmp_path):
    file = save(tmp_path / "vae" / "clear.safetensors", x=torch.zeros(4))
    part = save(tmp_path / "vae" / "Anime" / "diffusion_pytorch_model.safetensors", x=torch.zeros(8))
    (part.parent / "config.json").write_text("{}")
    (tmp_path / "vae" / "readme.txt").write_text("")
    (tmp_path / "vae" / "empty").mkdir()
    found = [(vae.name, vae.size_bytes, vae.fault) for vae in vaes_in(tmp_path)]
    assert found == [("Anime", part.stat().st_size, ""), ("clear", file.stat().st_size, "")]


def test_a_vae_without_weights_or_with_broken_ones_says_so(tmp_path):
    (tmp_path / "vae" / "empty").mkdir(parents=True)
    (tmp_path / "vae" / "empty" / "config.json").write_text("{}")
    (tmp_path / "vae" / "short.safetensors").write_bytes(b"x")
    assert all(vae.fault for vae in vaes_in(tmp_path))


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_links_out_of_their_folder_are_not_followed(tmp_path):
    outside = save(tmp_path / "outside.safetensors", x=torch.zeros(1, WIDTH))
    for folder in ("vae", "embeddings"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "in.safetensors").symlink_to(outside)
    assert vaes_in(tmp_path) == embeddings_in([tmp_path / "embeddings"], [WIDTH]) == ()


def test_listing_needs_no_torch():
    code = "import sys, engine.files.companions; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
