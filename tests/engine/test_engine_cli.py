import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine import GenerationResult, InvalidDevice, Picture, find_model
from engine import __main__ as cli
from engine.__main__ import main
from engine.errors import DrawingFailed
from engine.png import read
from engine.prompt import Note

NUMPY_2 = "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
"""What diffusers' schedulers raise under numpy 2; nobody but a developer sees it."""
FAST = ("--steps", "2", "--width", "64", "--height", "64", "--device", "cpu", "--scheduler", "ddim")


def refused(capsys, *arguments) -> str:
    """What stderr says about bad input: one sentence, with nothing on stdout."""
    try:
        status = main(arguments)
    except SystemExit as error:
        status = error.code
    out, err = capsys.readouterr()
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    return err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([""], "prompt must not be empty"),
        (["x" * 6001], "prompt must be at most 6000 characters long, got 6001"),
        ([], "PROMPT is missing; one that begins with a dash comes after `--`"),
        (["-x"], "PROMPT is missing; one that begins with a dash comes after `--`"),
        (["x", "-o", ""], "output must be a file or a folder, got an empty name"),
        (["x", "--steps", "many"], "--steps: must be a whole number, got 'many'"),
        (["x", "--steps", "0"], "must be from 1 to 150, got 0"),
        (["x", "--steps", "1000000"], "must be from 1 to 150, got 1000000"),
        (["x", "--guidance-scale", "nan"], "guidance_scale must be from 0 to 50"),
        (["x", "--guidance-scale", "much"], "--guidance-scale: must be a number, got 'much'"),
        (["x", "--width", "100"], "multiples of 8"),
        (["x", "--height", "4096"], "height must be from 64 to 2048"),
        (["x", "--seed", "-2"], "seed must be from 0"),
        (["x", "--seed", "9007199254740992"], "seed must be from 0"),
        (["x", "--num-images", "17"], "num_images must be from 1 to 16"),
        (["x", "--scheduler", "eulr"], "nearest: euler"),
        (["x", "--scheduler", "lcm", "--steps", "51"], "lcm takes 1 to 50 steps"),
        (["x", "--grid", "1x1", "--num-images", "2"], "grid 1x1 has fewer places than the 2 pictures"),
        (["x", "--grid", "9x9"], "of at most 16, got '9x9'"),
        (["x", "--grid", "100x1"], "of at most 16, got '100x1'"),
        (["x", "--grid=two"], "must be rows x columns"),
        (["x", "--grid", "1x16", "--width", "1024", "-o", "x.webp"], "a grid of 16384x128 is too large for webp"),
        (["x", "--model", "no-such-model"], "model 'no-such-model' is not there"),
        (["x", "--models-dir", "/", "--model", "no-such-model"], "no folder and no file here or in /"),
        (["x", "--model", "a--b/c"], "model 'a--b/c' is no folder on this machine"),
        (["x", "--vae", "no-such-folder"], "vae must be a name in vae/ of the models' folder, a folder"),
        (["x", "--device", "toaster"], "device must be one of auto, cpu, cuda, mps"),
        (["x", "--dtype", "int8"], "dtype must be one of auto, float32"),
        (["x", "-o", "heart.gif"], "must end in one of .png"),
        (["x", "-o", "no/such/heart.png"], "its folder is not there"),
        (["x --steps many"], "num_inference_steps must be a whole number, got 'many'"),
        (["x --cfg much"], "guidance_scale must be a number, got 'much'"),
        (["x --steps 151"], "must be from 1 to 150, got 151"),
        (["x --ar panorama"], "aspect 'panorama' is unknown"),
        (["x --ar 16:9 --w 64"], "aspect already says width and height"),
        (["--", "--ar 16:9"], "prompt must not be empty"),
        (["x", "y"], "unrecognized arguments: y"),
        (["x", "--init-image", "a.png"], "unrecognized arguments"),
        (["x", "--step", "3"], "unrecognized arguments"),
        (["fetch", "x", "--models-dir", "models"], "'x' is no id on the Hugging Face hub: organisation/name, or"),
        (["fetch"], "the following arguments are required: MODEL"),
    ],
    ids=lambda value: " ".join(value)[:40] or "nothing" if isinstance(value, list) else None,
)
def test_bad_input_gets_one_sentence_and_status_2(capsys, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    assert words in refused(capsys, *arguments)
    assert list(tmp_path.iterdir()) == []


def test_a_broken_model_is_named_by_its_file(capsys, tmp_path):
    (tmp_path / "model_index.json").write_text("{")
    assert "model_index.json is no JSON" in refused(capsys, "x", "--model", str(tmp_path))


def pixels(file) -> np.ndarray:
    with Image.open(file) as image:
        return np.asarray(image)


class StandIn:
    """In place of Engine: gives what a test wants instead of drawing."""

    events: tuple = ()
    error: BaseException | None = None
    opened: bool = False
    model = "emoji"

    def __init__(self, card):
        self.card = card
        self.notices = ("A notice.",)

    async def __aenter__(self):
        type(self).opened = True
        return self

    async def __aexit__(self, *arguments):
        pass

    async def stream(self, request):
        if self.error is not None:
            raise self.error
        image = Image.new("RGB", (request.width, request.height), "red")
        pictures = tuple(
            Picture(index=index, seed=seed, image=image, flagged=index in self.flagged)
            for index, seed in enumerate(request.seeds)
        )
        for picture in reversed(pictures):
            yield picture
        yield GenerationResult(
            request=request,
            pictures=pictures,
            model="Emoji",
            has_safety_checker=True,
            cut_prompt=self.cut,
            notes=self.notes,
        )

    flagged: tuple = ()
    cut: str = ""
    notes: tuple = ()


@pytest.fixture
def stand_in(monkeypatch, tmp_path):
    """A fresh stand-in class behind `Engine.open`, in an empty working directory."""
    from engine import Engine

    fresh = type("Fresh", (StandIn,), {})
    monkeypatch.setattr(Engine, "open", lambda model, **options: fresh(find_model(model).card))
    monkeypatch.chdir(tmp_path)
    return fresh


def test_paths_are_printed_in_picture_order(stand_in, capsys):
    assert main(["a heart", "-o", "heart.png", "--num-images", "3"]) == 0
    assert capsys.readouterr().out == "heart-1.png\nheart-2.png\nheart-3.png\n"


def test_without_an_output_files_are_named_after_prompt_and_seed(stand_in, capsys):
    assert main(["a heart", "--seed", "7", "--num-images", "2"]) == 0
    assert capsys.readouterr().out == "a-heart-7.png\na-heart-8.png\n"


def test_notices_and_what_was_used_are_said_on_stderr(stand_in, capsys):
    main(["a heart", "--seed", "7"])
    err = capsys.readouterr().err
    assert "A notice." in err
    card = find_model("emoji").card
    used = f"{card.steps} steps, {card.sampler(card.scheduler)}, guidance {card.guidance:g}, seed 7"
    assert f"Emoji, 128x128, {used}: drawn in" in err


def test_the_end_of_a_prompt_that_was_cut_is_said(stand_in, capsys):
    stand_in.cut = "and a cat"
    main(["a heart"])
    said = "the prompt is longer than the model reads; its last 9 characters are left out: and a cat\n"
    assert said in capsys.readouterr().err


def test_of_a_long_end_without_spaces_the_beginning_is_shown(stand_in, capsys):
    stand_in.cut = "画" * 100
    main(["a heart"])
    assert f"its last 100 characters are left out: {'画' * 60} ...\n" in capsys.readouterr().err


def test_notes_on_the_prompt_are_said(stand_in, capsys):
    stand_in.notes = (Note("lora_unknown", "LoRA 'x' is not known", {"name": "x"}),)
    main(["a heart"])
    assert "LoRA 'x' is not known\n" in capsys.readouterr().err


def test_options_at_the_prompts_end_are_read(stand_in, capsys):
    main(["a heart --ar 16:9 —seed 7 --steps 30 --cfg 8 --no blur, noise --sampler Euler a --n 2", "--json"])
    facts = json.loads(capsys.readouterr().out)
    asked = facts["request"]
    assert (asked["prompt"], asked["negative_prompt"], asked["seed"]) == ("a heart", "blur, noise", 7)
    assert (asked["width"], asked["height"], asked["num_inference_steps"]) == (168, 96, 30)
    assert (asked["guidance_scale"], asked["scheduler"], asked["num_images"]) == (8.0, "euler_a", 2)
    assert facts["notes"] == []


def test_an_option_of_the_command_holds_against_the_prompts_end_and_that_is_said(stand_in, capsys):
    main(["a heart --steps 30 --seed 7 --model other", "--steps", "20", "--seed", "7", "--model", "emoji", "--json"])
    out, err = capsys.readouterr()
    assert json.loads(out)["request"]["num_inference_steps"] == 20
    assert "--steps 30 at the prompt's end does not hold, since 20 was given beside it\n" in err
    assert "--model other at the prompt's end does not hold, since emoji was given beside it\n" in err
    assert "--seed" not in err


def test_a_model_at_the_prompts_end_is_opened(stand_in, capsys, monkeypatch):
    from engine import Engine

    opened = []
    monkeypatch.setattr(Engine, "open", lambda model, **_: opened.append(model) or stand_in(find_model("emoji").card))
    main(["a heart --model my model"])
    assert opened == ["my model"]


def test_an_unknown_option_at_the_prompts_end_is_named(stand_in, capsys):
    main(["a heart --sead 7"])
    assert "option --sead is unknown and left out; nearest: --seed" in capsys.readouterr().err


def test_each_permutation_is_written(stand_in, capsys):
    assert main(["a {red|blue} heart", "--seed", "7", "-o", "heart.png", "--num-images", "2"]) == 0
    assert capsys.readouterr().out == "".join(f"heart-{number}.png\n" for number in range(1, 5))


def test_the_seed_that_permutations_share_is_said_once(stand_in, capsys):
    main(["a {red|blue} heart", "--seed", "7", "-o", "heart.png"])
    assert ", seed 7: drawn in" in capsys.readouterr().err


def test_a_grid_has_a_place_for_each_permutation(stand_in, capsys):
    assert main(["a {red|blue} heart", "--seed", "7", "-o", "grid.png", "--grid"]) == 0
    assert pixels("grid.png").shape == (128, 256, 3)


def test_wildcards_are_read_from_the_models_folder(stand_in, capsys, tmp_path):
    (tmp_path / "models" / "wildcards").mkdir(parents=True)
    (tmp_path / "models" / "wildcards" / "colour.txt").write_text("red\n")
    assert main(["a __colour__ heart", "--models-dir", "models", "-o", "heart.png", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pictures"][0]["prompt"] == "a red heart"


def test_how_prompts_are_encoded_can_be_asked_for(stand_in, capsys):
    main(["a heart", "-o", "heart.png", "--max-embeddings-multiples", "2", "--clip-skip", "3", "--json"])
    request = json.loads(capsys.readouterr().out)["request"]
    assert (request["max_embeddings_multiples"], request["clip_skip"]) == (2, 3)


def test_a_flagged_picture_is_not_written_and_that_is_said(stand_in, capsys, tmp_path):
    stand_in.flagged = (1,)
    assert main(["a heart", "-o", "heart.png", "--num-images", "2"]) == 0
    out, err = capsys.readouterr()
    assert out == "heart-1.png\n"
    assert "flagged picture 2: not written" in err
    assert [file.name for file in tmp_path.iterdir()] == ["heart-1.png"]


def test_where_every_picture_is_withheld_the_status_is_1(stand_in, capsys, tmp_path):
    stand_in.flagged = (0,)
    assert main(["a heart", "-o", "heart.png"]) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_flagged_picture_is_written_when_allowed_and_that_is_said(stand_in, capsys):
    stand_in.flagged = (0,)
    assert main(["a heart", "-o", "heart.png", "--allow-flagged"]) == 0
    out, err = capsys.readouterr()
    assert out == "heart.png\n"
    assert "flagged picture 1: written all the same" in err


def test_a_flagged_picture_is_a_black_place_in_a_grid(stand_in, capsys):
    stand_in.flagged = (1,)
    assert main(["a heart", "-o", "grid.png", "--grid", "1x2"]) == 0
    grid = pixels("grid.png")
    assert grid.shape == (128, 256, 3)
    assert (grid[0, 0].tolist(), grid[0, 128].tolist()) == ([255, 0, 0], [0, 0, 0])


@pytest.mark.parametrize(
    ("arguments", "shape"),
    [
        (["--grid", "2x3", "a heart"], (256, 384, 3)),
        (["--grid", "a heart", "--num-images", "4"], (256, 256, 3)),
        (["a heart", "--num-images", "2", "--grid"], (128, 256, 3)),
        (["--grid", "--num-images", "2", "--", "a heart"], (128, 256, 3)),
        (["--grid=1x3", "a heart", "--num-images", "2"], (128, 384, 3)),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_grid_is_one_file_of_all_pictures(stand_in, capsys, arguments, shape):
    assert main(["-o", "grid.png", *arguments]) == 0
    assert capsys.readouterr().out == "grid.png\n"
    assert pixels("grid.png").shape == shape


def test_json_says_what_was_used_and_where_the_pictures_are(stand_in, capsys):
    stand_in.flagged = (0,)
    assert main(["a heart", "--seed", "7", "-o", "heart.png", "--num-images", "2", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["request"]["num_inference_steps"] == 20
    assert said["pictures"] == [
        {"index": 0, "seed": 7, "prompt": "a heart", "path": None, "flagged": True},
        {"index": 1, "seed": 8, "prompt": "a heart", "path": "heart-2.png", "flagged": False},
    ]


def test_json_names_the_file_of_a_grid(stand_in, capsys):
    assert main(["a heart", "-o", "grid.png", "--grid", "1x2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["grid"] == "grid.png"


def test_an_output_that_cannot_be_written_is_refused_before_the_model_is_loaded(stand_in, capsys):
    assert "its folder is not there" in refused(capsys, "a heart", "-o", "none/heart.png")
    assert not stand_in.opened


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (InvalidDevice("device_missing", "device cuda is not there"), 2, "error: device cuda is not there"),
        (DrawingFailed("drawing_failed", "it went wrong"), 1, "error: it went wrong"),
        (OSError(28, "No space left on device"), 1, "No space left on device"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
    ids=["bad input", "failure", "full disk", "Ctrl-C"],
)
def test_a_failure_has_its_status_and_one_sentence(stand_in, capsys, error, status, words):
    stand_in.error = error
    assert main(["a heart"]) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert "Traceback" not in err


@pytest.mark.parametrize("prompt", ["--seed of a tree", "-o", "bench", "fetch", "--grid of trees"])
def test_after_two_dashes_anything_is_a_prompt(stand_in, capsys, prompt):
    assert main(["-o", "x.png", "--", prompt]) == 0
    found = read(Path("x.png").read_bytes()).request
    assert found is not None
    assert found.prompt == prompt


def test_a_prompt_of_6000_characters_is_taken(stand_in, capsys):
    assert main(["画" * 6000, "-o", "x.png"]) == 0


def run(*arguments, **options):
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-W", "error", "-W", NUMPY_2, *arguments],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        **options,
    )


def test_help_imports_neither_torch_nor_discord():
    script = (
        "import runpy, sys\nsys.argv = ['engine', '--help']\n"
        "try: runpy.run_module('engine', run_name='__main__')\n"
        "except SystemExit as error: print('status', error.code)\n"
        "print({'torch', 'discord', 'diffusers', 'transformers'} & set(sys.modules))"
    )
    done = run("-c", script)
    assert done.stdout.endswith("status 0\nset()\n"), done.stderr
    assert "--negative-prompt" in done.stdout


def test_a_picture_is_drawn_and_can_be_drawn_again_from_its_file(tmp_path):
    first, again = tmp_path / "first.png", tmp_path / "again.webp"
    done = run("-m", "engine", "a red heart", "-o", str(first), *FAST)
    assert (done.returncode, done.stdout) == (0, f"{first}\n"), done.stderr
    assert "2/2" in done.stderr
    request = read(first.read_bytes()).request
    assert request is not None
    done = run("-m", "engine", request.prompt, "--seed", str(request.seed), "-o", str(again), *FAST)
    assert done.returncode == 0, done.stderr
    assert np.array_equal(pixels(first), pixels(again))


def test_a_failure_in_a_library_is_one_sentence_without_a_traceback(tmp_path):
    script = (
        "import sys\nfrom engine import latents\nfrom engine.__main__ import main\n"
        "def broken(*_): raise ArithmeticError('singular')\n"
        f"latents.to_image = broken\nsys.exit(main(['x', '-o', '{tmp_path}/x.png', *{FAST!r}]))"
    )
    done = run("-c", script)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr
    assert done.stderr.endswith("error: drawing failed in a library: ArithmeticError: singular\n")


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell closes the streams")
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_harm_nothing(tmp_path, closed):
    file = tmp_path / "x.png"
    command = f'"{sys.executable}" -m engine x -o "{file}" {" ".join(FAST)} {closed}'
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "" if closed.startswith(">") else f"{file}\n")
    assert file.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell closes the streams")
def test_where_stderr_is_closed_refusals_do_not_go_to_stdout():
    command = f'"{sys.executable}" -m engine x --steps 0 2>&-'
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")


def test_ctrl_c_does_not_wait_for_a_model_that_is_being_found(stand_in, monkeypatch, capsys, heeded_ctrl_c):
    def find(*_, **__):
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("the search went on")

    monkeypatch.setattr("engine.Engine.open", find)
    assert main(["a heart"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


@pytest.mark.skipif(sys.platform == "win32", reason="there Ctrl-C is sent to a whole console")
def test_ctrl_c_ends_with_130_and_without_a_traceback(tmp_path, heeded_ctrl_c):
    arguments = [sys.executable, "-m", "engine", "x", "-o", f"{tmp_path}/", "--steps", "150", "--num-images", "16"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        process.stderr.read(1)  # the progress bar: it draws
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert (process.returncode, out) == (130, b"")
    assert b"Traceback" not in err
    assert err.endswith(b"interrupted\n")


def test_the_words_that_are_no_prompts_are_those_that_are_promised():
    assert set(cli.COMMANDS) == {"bench", "fetch"}
