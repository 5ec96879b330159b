"""Weighted embeddings, against the definition and, where it is at hand, against the community's own pipeline."""

import importlib.util
import os
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace

import diffusers
import numpy as np
import pytest
import torch

from engine import GenerationRequest
from engine.conditioning import TextEncoder
from engine.files.card import WEIGHTINGS
from engine.models import find_model
from engine.reading import read
from engine.texts.weighting import NORMS, weigh

CARD = find_model("emoji").card
EMOJI = Path(str(files("engine"))) / "emoji"
LONG = "a red heart, (a cat:1.3) on [a blue background], " * 12
COMMON_PROMPT = (
    "best quality, ultra high res, (photorealistic:1.4), 1woman, sleeveless white button shirt, black skirt, "
    "black choker, cute, (Kpop idol), (aegyo sal:1), (silver hair:1), ((puffy eyes)), looking at viewer, peace sign"
)
COMMON_NEGATIVE_PROMPT = (
    "paintings, sketches, (worst quality:2), (low quality:2), (normal quality:2), lowres, normal quality, "
    "((monochrome)), ((grayscale)), skin spots, acnes, skin blemishes, age spot, glans, nsfw, nipples"
)
COMMON = COMMON_PROMPT, COMMON_NEGATIVE_PROMPT
PAIRS = [
    ("a red heart", ""),
    ("a (red:1.4) heart", "(blue)"),
    ("a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).", "[[grey]]"),
    ("a (cat:-1.5) \\(literal\\) (unbalanced", "])(:2)"),
    ("(everything:0)", "a (b:10)"),
    (LONG, "(low quality:2)"),
    ("a heart", LONG * 3),
    (LONG * 5, LONG),
    COMMON,
]
MULTIPLES = [1, 2, 3, 8]


def ours(model, prompt: str, negative_prompt: str, multiples: int) -> torch.Tensor:
    request = GenerationRequest(
        prompt=prompt, negative_prompt=negative_prompt, guidance_scale=5, max_embeddings_multiples=multiples
    )
    with torch.inference_mode():
        return TextEncoder(model).encode(read(request.completed(CARD), 0)).at(0).embeds


def by_definition(model, spans, chunks: int) -> torch.Tensor:
    """One text, its spans written out: 75 tokens a chunk, each token times its weight, the mean as it was before."""
    tokenizer = model.tokenizer
    tokens = [(number, weight) for text, weight in spans for number in tokenizer(text).input_ids[1:-1]][: 75 * chunks]
    tokens += [(tokenizer.pad_token_id, 1.0)] * (75 * chunks - len(tokens))
    encoded, weights = [], []
    for start in range(0, 75 * chunks, 75):
        numbers, inner = zip(*tokens[start : start + 75], strict=True)
        row = torch.tensor([[tokenizer.bos_token_id, *numbers, tokenizer.eos_token_id]])
        encoded.append(model.text_encoder(row)[0][0])
        weights += [1.0, *inner, 1.0]
    before = torch.cat(encoded)
    after = before * torch.tensor(weights)[:, None]
    return after * (before.mean() / after.mean())


@pytest.mark.parametrize("chunks", [1, 2])
def test_weights_multiply_and_the_mean_stays(model, chunks):
    spans = [("a ", 1.0), ("red", 1.4), (" heart, " + "on and on " * 80 * (chunks - 1), 1.0), ("now", 1.1 * 1.1)]
    prompt = f"a (red:1.4){spans[2][0]}((now))"
    with torch.inference_mode():
        expected = by_definition(model, spans, chunks)
    assert torch.allclose(ours(model, prompt, "", chunks)[1], expected, atol=1e-5)


def test_a_text_without_weights_is_left_alone():
    embeds = torch.randn(2, 77, 8)
    assert all(weigh(embeds, torch.ones(2, 77), weighting) is embeds for weighting in WEIGHTINGS)


def test_every_weighting_of_a_card_can_be_used():
    assert tuple(NORMS) == WEIGHTINGS


@pytest.mark.parametrize(
    ("weighting", "factors"),
    [("lpw", [8 / 11, 8 / 11]), ("a1111", [4 / 7, 1.0]), ("none", [1.0, 1.0])],
    ids=["of the whole text", "of each chunk", "of nothing"],
)
def test_the_mean_is_restored(weighting, factors):
    embeds = torch.tensor([[[1.0], [3.0]], [[2.0], [2.0]]])
    weights = torch.tensor([[1.0, 2.0], [1.0, 1.0]])
    expected = embeds * weights[..., None] * torch.tensor(factors)[:, None, None]
    assert torch.allclose(weigh(embeds, weights, weighting), expected)


@pytest.fixture(scope="session")
def lpw():
    """The community pipeline `lpw_stable_diffusion` of diffusers, where LPW_PIPELINE names its file."""
    if not (file := os.environ.get("LPW_PIPELINE")):
        pytest.skip("LPW_PIPELINE does not name diffusers' examples/community/lpw_stable_diffusion.py")
    spec = importlib.util.spec_from_file_location("lpw_stable_diffusion", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class AsBefore:
    """A text encoder of transformers 5 with what the script reads of earlier ones."""

    def __init__(self, encoder) -> None:
        self.text_model = encoder

    def __call__(self, *arguments, **options):
        return self.text_model(*arguments, **options)


@pytest.mark.parametrize("multiples", MULTIPLES)
@pytest.mark.parametrize("pair", PAIRS, ids=range(len(PAIRS)))
def test_embeddings_are_the_community_pipelines(model, lpw, pair, multiples):
    pipe = SimpleNamespace(tokenizer=model.tokenizer, text_encoder=AsBefore(model.text_encoder), device="cpu")
    with torch.inference_mode():
        prompt, negative = lpw.get_weighted_text_embeddings(pipe, *pair, max_embeddings_multiples=multiples)
    assert torch.allclose(ours(model, *pair, multiples), torch.cat([negative, prompt]), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("pair", [COMMON, PAIRS[3], (LONG, "")], ids=["common", "odd", "long"])
async def test_pictures_are_the_community_pipelines(engine, lpw, pair, monkeypatch):
    pipeline = lpw.StableDiffusionLongPromptWeightingPipeline.from_pretrained(EMOJI).to(dtype=torch.float32)
    object.__setattr__(pipeline.text_encoder, "text_model", pipeline.text_encoder)
    pipeline.scheduler = diffusers.DEISMultistepScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    values = {"num_inference_steps": 40, "guidance_scale": 10.0, "max_embeddings_multiples": 2}
    expected = pipeline(
        pair[0],
        negative_prompt=pair[1],
        width=128,
        height=128,
        generator=torch.Generator("cpu").manual_seed(7),
        **values,
    ).images[0]
    request = GenerationRequest(prompt=pair[0], negative_prompt=pair[1], seed=7, scheduler="deis", **values)
    [picture] = (await engine.generate(request)).pictures
    assert np.abs(np.asarray(picture.image).astype(int) - np.asarray(expected)).max() <= 2
