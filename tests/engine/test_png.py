import io
import json
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from engine.events import Picture
from engine.files.card import ModelCard
from engine.parameters import read_parameters, write_parameters
from engine.png import Embedded, encode, encode_image, read, shrink
from engine.request import CompleteRequest, GenerationRequest
from engine.schedulers import SCHEDULERS

CARD = ModelCard(title="Emoji", width=128, height=128, own_sampler="PLMS")
REQUEST = CompleteRequest(
    prompt="a red heart",
    negative_prompt="blurry",
    width=64,
    height=64,
    num_inference_steps=20,
    guidance_scale=5.0,
    seed=7,
    scheduler="default",
    num_images=4,
    model="emoji",
    owner="123456789012345678",
)
NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
PICTURE = Picture(index=2, seed=9, image=NOISE)
EXTENSIONS = pytest.mark.parametrize("extension", ["png", "webp", "jpg", "jpeg"])


def asked(request: CompleteRequest) -> GenerationRequest:
    return GenerationRequest(**{field.name: getattr(request, field.name) for field in fields(GenerationRequest)})


@EXTENSIONS
def test_a_file_holds_what_makes_this_very_picture_again(extension):
    found = read(encode(PICTURE, REQUEST, CARD, extension=extension))
    assert found.request == asked(replace(REQUEST, seed=9, num_images=1))


@EXTENSIONS
def test_a_file_holds_the_web_uis_text(extension):
    found = read(encode(PICTURE, REQUEST, CARD, extension=extension))
    assert found.parameters == (
        "a red heart\nNegative prompt: blurry\n"
        "Steps: 20, Sampler: PLMS, CFG scale: 5, Seed: 9, Size: 64x64, Model: Emoji"
    )


@EXTENSIONS
def test_no_file_says_whose_picture_it_is(extension):
    data = encode(PICTURE, REQUEST, CARD, extension=extension)
    found = read(data)
    assert found.request is not None
    assert found.request.owner is None
    assert b"123456789012345678" not in data
    assert b"owner" not in data


@EXTENSIONS
def test_a_file_is_of_the_kind_that_its_name_says(extension):
    kind = Image.open(io.BytesIO(encode(PICTURE, REQUEST, CARD, extension=extension))).format
    assert kind == {"png": "PNG", "webp": "WEBP", "jpg": "JPEG", "jpeg": "JPEG"}[extension]


@pytest.mark.parametrize("extension", ["png", "webp"])
def test_png_and_webp_keep_every_pixel(extension):
    found = Image.open(io.BytesIO(encode(PICTURE, REQUEST, CARD, extension=extension)))
    assert np.array_equal(np.asarray(found), np.asarray(NOISE))


def test_a_file_of_several_pictures_holds_the_whole_request():
    assert read(encode_image(NOISE, REQUEST, CARD, extension="png")).request == asked(REQUEST)


def test_another_extension_is_refused():
    with pytest.raises(ValueError, match="got 'gif'"):
        encode(PICTURE, REQUEST, CARD, extension="gif")


PROMPTS = (
    st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=300)
    | st.lists(
        st.sampled_from(
            ["Negative prompt:", "Steps: 3, Sampler: LMS, CFG scale: 1, Seed: 5", "\n", '"', ",", "☃", "😀 "]
        )
    ).map("".join)
).filter(str.strip)


REQUESTS = st.builds(
    CompleteRequest,
    prompt=PROMPTS,
    negative_prompt=PROMPTS | st.just(""),
    width=st.just(64),
    height=st.just(2048),
    num_inference_steps=st.just(50),
    guidance_scale=st.floats(0, 50, allow_nan=False),
    seed=st.integers(0, 2**53 - 1),
    scheduler=st.sampled_from(sorted(SCHEDULERS)),
)


@settings(max_examples=60)
@given(request=REQUESTS, extension=st.sampled_from(["png", "webp", "jpg"]))
def test_every_request_comes_back_out_of_every_kind_of_file(request, extension):
    picture = Picture(index=0, seed=request.seed, image=NOISE)
    assert read(encode(picture, request, CARD, extension=extension)).request == asked(request)


@pytest.mark.parametrize("character", ["a", "画", "😀"], ids=["latin", "chinese", "astral"])
@EXTENSIONS
def test_prompts_of_the_greatest_length_fit_every_kind_of_file(extension, character):
    request = replace(REQUEST, prompt=character * 6000, negative_prompt=character * 6000)
    found = read(encode(PICTURE, request, CARD, extension=extension))
    assert found.request is not None
    assert (found.request.prompt, found.request.negative_prompt) == (request.prompt, request.negative_prompt)


def text_of(request: CompleteRequest) -> str:
    return write_parameters(request, CARD)


def test_a_png_of_the_web_ui_is_read():
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text("parameters", text_of(replace(REQUEST, scheduler="euler_a", num_images=1)))
    file = io.BytesIO()
    NOISE.save(file, "PNG", pnginfo=chunks)
    assert read(file.getvalue()).request == replace(
        asked(replace(REQUEST, scheduler="euler_a", num_images=1)), clip_skip=None, model=None
    )


@pytest.mark.parametrize("encoding", ["utf-16-be", "utf-16-le"])
def test_a_jpeg_of_the_web_ui_is_read_in_either_byte_order(encoding):
    exif = Image.Exif()
    text = text_of(replace(REQUEST, scheduler="heun", num_images=1))
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + text.encode(encoding)
    file = io.BytesIO()
    NOISE.save(file, "JPEG", exif=exif)
    found = read(file.getvalue())
    assert found.parameters == text
    assert found.request == replace(asked(replace(REQUEST, scheduler="heun", num_images=1)), clip_skip=None, model=None)


def test_a_note_that_a_camera_wrote_leaves_the_text():
    exif = Image.Exif()
    inside = exif.get_ifd(0x8769)
    inside[0x9286] = b"UNICODE\0" + text_of(REQUEST).encode("utf-16-be")
    inside[0x927C] = b"Nikon\0\xff\xfe"
    file = io.BytesIO()
    NOISE.save(file, "JPEG", exif=exif)
    assert read(file.getvalue()).parameters == text_of(REQUEST)


@pytest.mark.parametrize(
    "own",
    ["", "{", "[]", "null", "{}", '{"version": 3, "prompt": "x"}', '{"version": 2}', '{"version": 2, "prompt": 5}'],
)
def test_broken_json_leaves_the_text(own):
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text("parameters", text_of(REQUEST))
    chunks.add_text("imagine", own)
    file = io.BytesIO()
    NOISE.save(file, "PNG", pnginfo=chunks)
    found = read(file.getvalue())
    assert found.request is not None
    assert found.request.prompt == "a red heart"


def test_json_of_ours_has_a_version_and_every_field():
    image = Image.open(io.BytesIO(encode(PICTURE, REQUEST, CARD)))
    assert json.loads(image.info["imagine"]) == {
        "version": 2,
        "title": "Emoji",
        "model": "emoji",
        "sampler": "PLMS",
        "prompt": "a red heart",
        "negative_prompt": "blurry",
        "width": 64,
        "height": 64,
        "num_inference_steps": 20,
        "guidance_scale": 5.0,
        "seed": 9,
        "scheduler": "default",
        "num_images": 1,
        "max_embeddings_multiples": None,
        "clip_skip": 1,
    }


PERMUTED = GenerationRequest(prompt="{red|blue} heart \\{a\\|b\\}", seed=7, num_images=2, clip_skip=2).completed(CARD)


def test_a_file_of_a_permutation_holds_what_makes_this_very_picture_again():
    picture = Picture(index=3, seed=8, image=NOISE)
    found = read(encode(picture, PERMUTED, CARD)).request
    assert found is not None
    assert found.completed(CARD) == PERMUTED.of_picture(3)
    assert (found.prompt, found.seed, found.clip_skip) == ("blue heart \\{a\\|b\\}", 8, 2)


def test_the_file_of_a_grid_holds_the_permutations_as_they_were_asked_for():
    found = read(encode_image(NOISE, PERMUTED, CARD, extension="png")).request
    assert found is not None
    assert found.completed(CARD) == PERMUTED


@EXTENSIONS
def test_a_picture_without_a_request_says_nothing(extension):
    file = io.BytesIO()
    NOISE.save(file, {"jpg": "JPEG"}.get(extension, extension.upper()))
    assert read(file.getvalue()) == Embedded(None, "")


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe1\x00\x10Exif\0\0II*\0"])
def test_bytes_that_are_no_picture_say_nothing(data):
    assert read(data) == Embedded(None, "")


FILES = {extension: encode(PICTURE, REQUEST, CARD, extension=extension) for extension in ("png", "webp", "jpg")}


@settings(max_examples=300)
@given(
    extension=st.sampled_from(sorted(FILES)),
    changes=st.lists(st.tuples(st.integers(0, 1200), st.integers(0, 255)), min_size=1, max_size=8),
    cut=st.none() | st.integers(0, 2000),
)
def test_a_damaged_file_is_read_without_an_error(extension, changes, cut):
    data = bytearray(FILES[extension])
    for place, value in changes:
        data[place % len(data)] = value
    read(bytes(data[:cut]))


def test_a_picture_that_fits_stays_a_png():
    data, extension = shrink(PICTURE, REQUEST, CARD, limit_bytes=100_000)
    assert (data, extension) == (encode(PICTURE, REQUEST, CARD), "png")


@pytest.mark.parametrize("share", [0.999, 0.9, 0.5, 0.2])
def test_a_picture_that_is_too_large_becomes_a_webp_that_fits_and_keeps_its_request(share):
    limit_bytes = int(share * len(encode(PICTURE, REQUEST, CARD)))
    data, extension = shrink(PICTURE, REQUEST, CARD, limit_bytes=limit_bytes)
    assert extension == "webp"
    assert len(data) <= limit_bytes
    assert read(data).request == asked(replace(REQUEST, seed=9, num_images=1))


def test_a_picture_becomes_smaller_only_when_quality_alone_does_not_do():
    assert Image.open(io.BytesIO(shrink(PICTURE, REQUEST, CARD, limit_bytes=8_000)[0])).size == (64, 64)
    assert Image.open(io.BytesIO(shrink(PICTURE, REQUEST, CARD, limit_bytes=2_500)[0])).size < (64, 64)


def test_a_limit_that_not_even_the_request_fits_is_refused():
    with pytest.raises(ValueError, match="fits 100 bytes"):
        shrink(PICTURE, REQUEST, CARD, limit_bytes=100)


def test_a_picture_without_a_negative_prompt_is_made_again_without_one():
    card = replace(CARD, negative_prompt="blurry")
    request = replace(REQUEST, negative_prompt="")
    for embedded in (read(encode(PICTURE, request, card)).request, read_parameters(write_parameters(request, card))):
        assert not embedded.completed(card).negative_prompt
