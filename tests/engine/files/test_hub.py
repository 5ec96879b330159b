import os
import subprocess
import sys

import pytest
from hub_server import COMMIT, OLD_COMMIT, TOKEN, UNET, environment, serving

from engine.files.hub import HALF, HubModel, is_hub_id, wanted_files


@pytest.fixture
def hub():
    with serving() as server:
        yield server


def find(cache, endpoint, call, **more):
    """Call `find_model` in a process of its own, since the hub's address is read when its library is imported."""
    script = (
        "from engine import InvalidModel, find_model\n"
        f"try: print({call})\n"
        "except InvalidModel as error: print(error.rule, error)"
    )
    variables = {name: value for name, value in os.environ.items() if name not in {"HF_HUB_OFFLINE", "HF_TOKEN"}}
    variables |= environment(endpoint, cache, **more)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=variables)
    return done.stdout.strip()


NOWHERE = "http://127.0.0.1:9"


def test_a_model_is_fetched_once_and_then_found_without_the_network(hub, tmp_path):
    found = find(tmp_path, hub.url, "find_model('someone/emoji').card.title")
    assert found == "Emoji"
    assert find(tmp_path, NOWHERE, "find_model('someone/emoji').card.title") == "Emoji"


def test_of_a_part_only_its_files_are_fetched_and_the_rest_when_it_is_needed(hub, tmp_path):
    found = find(tmp_path, hub.url, "find_model('emoji', tokenizer='someone/emoji').tokenizer.name")
    assert found == "tokenizer"
    assert set(hub.fetched) == {"tokenizer/tokenizer.json", "tokenizer/tokenizer_config.json"}
    assert find(tmp_path, NOWHERE, "find_model('emoji', tokenizer='someone/emoji').tokenizer.name") == "tokenizer"
    assert find(tmp_path, hub.url, "find_model('someone/emoji').card.title") == "Emoji"


def test_of_a_foreign_model_no_weights_are_fetched(hub, tmp_path):
    found = find(tmp_path, hub.url, "find_model('someone/flux')")
    assert found.startswith("model_foreign ")
    assert "describes a LTXPipeline" in found
    assert not [path for path in hub.asked if path.endswith(".safetensors")]


BEGINNING = "is no folder on this machine, and the Hugging Face hub did not give it"


NO_MODEL = "it has no such model, or a private one, for which HF_TOKEN must be set: see {}/someone/else"
GATED = "its conditions must be accepted at {}/someone/gated, and HF_TOKEN must be a token of the account that did"
NO_REVISION = "it has no revision new: see {}/someone/emoji/tree/main"


@pytest.mark.parametrize(
    ("name", "rule", "reason"),
    [
        ("someone/else", "model_missing", NO_MODEL),
        ("someone/gated", "model_gated", GATED),
        ("someone/emoji@new", "model_missing", NO_REVISION),
    ],
    ids=["missing", "gated", "revision"],
)
def test_what_the_hub_does_not_give_is_refused_with_the_page_to_open(hub, tmp_path, name, rule, reason):
    found = find(tmp_path, hub.url, f"find_model('{name}')")
    assert found == f"{rule} model '{name}' {BEGINNING}: {reason.format('https://huggingface.co')}"


def test_a_gated_model_is_fetched_with_the_token(hub, tmp_path):
    assert find(tmp_path, hub.url, "find_model('someone/gated').card.title", HF_TOKEN=TOKEN) == "Emoji"


def test_a_revision_is_fetched_as_that_and_found_again(hub, tmp_path):
    call = "find_model('someone/emoji@old').path.name"
    assert find(tmp_path, hub.url, call) == OLD_COMMIT
    assert find(tmp_path, NOWHERE, call) == OLD_COMMIT
    assert {path.split("/")[4] for path in hub.asked if "/resolve/" in path} == {OLD_COMMIT}


@pytest.mark.parametrize(("asked", "ending"), [("", "safetensors"), ("@fp16", "fp16.safetensors")])
def test_fp16_is_no_revision_but_the_weights_in_half_precision(hub, tmp_path, asked, ending):
    find(tmp_path, hub.url, f"find_model('someone/emoji{asked}')")
    assert {file for file in hub.fetched if file.startswith(UNET)} == {f"{UNET}.{ending}"}
    assert {path.split("/")[4] for path in hub.asked if "/resolve/" in path} == {COMMIT}


def test_without_a_network_one_sentence_says_so(tmp_path):
    found = find(tmp_path, NOWHERE, "find_model('someone/emoji')")
    assert found.startswith("model_unreachable model 'someone/emoji' is no folder on this machine")
    assert "\n" not in found


@pytest.mark.parametrize(
    "name", ["org/name", "openai/clip-vit-large-patch14", "a/b_c.d", "a/b@fp16", "a/b@refs/pr/4", "a/b@v1.0"]
)
def test_organisation_and_name_are_an_id(name):
    assert is_hub_id(name)


@pytest.mark.parametrize(
    "name",
    ["name", "./name", "/name", "a/b/c", "../name", "a/..b", "a b/c", "a/", "~/models", "a/b@", "a/b@../c", "a@b"],
)
def test_what_looks_like_a_path_is_no_id(name):
    assert not is_hub_id(name)


@pytest.mark.parametrize("name", ["a/b", "a/b@v1", "a/b@fp16"])
def test_an_id_is_written_as_it_was_read(name):
    model = HubModel.of(name)
    assert (model.name, model.repo_id, model.page) == (name, "a/b", "https://huggingface.co/a/b")


def test_half_precision_and_other_formats_are_left_out_where_the_full_weights_are_there():
    files = [
        "model_index.json",
        "v1-5-pruned.safetensors",
        "README.md",
        "LICENSE.md",
        "unet/config.json",
        f"{UNET}.bin",
        f"{UNET}.safetensors",
        f"{UNET}.fp16.safetensors",
        f"{UNET}.non_ema.safetensors",
        "tokenizer/merges.txt",
        "vae_1_0/config.json",
        "safety_checker/model.fp16.safetensors",
        "safety_checker/pytorch_model.bin",
    ]
    assert wanted_files(files) == [
        "LICENSE.md",
        "model_index.json",
        "safety_checker/model.fp16.safetensors",
        "tokenizer/merges.txt",
        "unet/config.json",
        f"{UNET}.safetensors",
    ]


def test_weights_in_several_files_are_all_fetched():
    files = [f"{UNET}-0000{number}-of-00002.safetensors" for number in (1, 2)]
    files.append(f"{UNET}.safetensors.index.json")
    assert wanted_files(files) == sorted(files)


def test_a_repository_that_is_the_part_itself_gives_its_own_files():
    files = ["config.json", "model.safetensors", "pytorch_model.bin", "vocab.json", "merges.txt", "README.md"]
    assert wanted_files(files, only="text_encoder") == ["config.json", "merges.txt", "model.safetensors", "vocab.json"]


def test_of_a_tokenizer_no_weights_are_fetched():
    assert wanted_files(["model.safetensors", "vocab.json"], only="tokenizer") == ["vocab.json"]


SHARDS = [f"{UNET}.safetensors.index.json", f"{UNET}-00001-of-00001.safetensors"]
HALF_SHARDS = [f"{UNET}.safetensors.index.fp16.json", f"{UNET}.fp16-00001-of-00001.safetensors"]


@pytest.mark.parametrize(
    ("files", "variant", "wanted"),
    [
        ([f"{UNET}.safetensors", f"{UNET}.fp16.safetensors"], HALF, [f"{UNET}.fp16.safetensors"]),
        ([f"{UNET}.safetensors", "vae/config.json"], HALF, [f"{UNET}.safetensors", "vae/config.json"]),
        (SHARDS + HALF_SHARDS, None, SHARDS),
        (SHARDS + HALF_SHARDS, HALF, HALF_SHARDS),
    ],
    ids=["half", "half-that-is-not-there", "shards", "half-shards"],
)
def test_of_each_weights_one_precision_is_fetched_with_its_own_index(files, variant, wanted):
    assert wanted_files(files, variant=variant) == sorted(wanted)


def test_of_a_model_that_is_run_whole_all_that_it_names_is_fetched():
    wanted = [
        "model_index.json",
        "scheduler/scheduler_config.json",
        "text_encoder_3/model-00001-of-00002.safetensors",
        "text_encoder_3/model.safetensors.index.json",
        "tokenizer_3/spiece.model",
        "tokenizer/chat_template.jinja",
        "tokenizer/merges.txt",
        "transformer/diffusion_pytorch_model.safetensors",
    ]
    others = ["flux1-dev.safetensors", "transformer/model.bin", "text_encoder_3/pytorch_model.bin", "README.md"]
    assert wanted_files([*wanted, *others]) == sorted(wanted)
