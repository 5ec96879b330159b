"""`python -m engine.emoji.train OUT`: makes the bundled model from emoji, in stages that resume."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from diffusers import AutoencoderKL, DDPMScheduler, PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from engine.devices import choose_device
from engine.emoji.dataset.captions import Captions
from engine.emoji.dataset.scenes import pools, weights
from engine.emoji.dataset.sources import InvalidSource, read_emoji, read_pictures
from engine.emoji.evaluate.evaluation import SEEDS, SUBJECTS, evaluate
from engine.emoji.evaluate.painter import Painter
from engine.emoji.evaluate.report import figures, new_card, with_figures
from engine.emoji.train import shapes
from engine.emoji.train.companions import LORAS, Lessons, train_embedding, train_lora
from engine.emoji.train.denoiser import Denoiser, Scenes, train_denoiser
from engine.emoji.train.latents import LatentStore
from engine.emoji.train.options import add_source_options, folders_of
from engine.emoji.train.run import Budget, Run, keep_large_buffers
from engine.emoji.train.tokenizer import train_tokenizer
from engine.emoji.train.vae import train_vae
from engine.errors import InvalidDevice

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from engine.emoji.dataset.scenes import Pool
    from engine.emoji.dataset.sources import Emoji

EXIT_BAD_INPUT, EXIT_INTERRUPTED = 2, 130
VAE_SHARE, COMPANION_SHARE = 0.25, 0.04
"""Of the minutes; each companion takes its share, the denoiser what remains."""
BUNDLED = Path(__file__).parent.parent
RUN_FILE = "run.json"
SHORT_MINUTES = 60
"""A training that is shorter is also measured less."""


@dataclass(frozen=True, slots=True)
class Data:
    """What there is to learn from."""

    emoji: tuple[Emoji, ...]
    pictures: NDArray[np.uint8]
    pools: tuple[Pool, ...]
    captions: Captions


def main(arguments: list[str] | None = None) -> int:
    """Train, measure and write the model, and give the exit status."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    keep_large_buffers()
    try:
        device = choose_device(options.device, "float32")
        for notice in device.notices:
            print(notice, file=sys.stderr)
        run = Run(options.work, device.device, options.seed)
        _claim(options)
        emoji = read_emoji(*folders_of(options))
        data = Data(emoji, read_pictures(emoji), pools(emoji, options.seed), Captions(emoji))
        _train(options, run, data)
        if options.evaluate:
            _evaluate(options, data)
    except (InvalidSource, InvalidDevice, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from the last checkpoint", file=sys.stderr)
        return EXIT_INTERRUPTED
    print(options.out)
    return 0


def _train(options: argparse.Namespace, run: Run, data: Data) -> None:
    denoiser, vae = _parts(options, run, data)
    vae.eval().requires_grad_(requires_grad=False)
    vae.to(run.device, memory_format=torch.channels_last)
    if not (options.out / "model_index.json").exists():
        store = LatentStore(run.folder / "latents", vae, data.pictures)
        scenes = Scenes(data.pools, store, data.captions, weights(data.emoji))
        share = 1 - COMPANION_SHARE * (len(LORAS) + 1) - (0 if options.start else VAE_SHARE)
        train_denoiser(denoiser, scenes, Budget(options.minutes * 60 * share, options.steps), run)
        _write(options.out, denoiser, vae)
    lessons = Lessons(data.emoji, data.pictures, data.pools[0], data.captions, vae)
    denoiser, _ = _read(options.out)
    denoiser.to(run.device)
    budget_s = options.minutes * 60 * COMPANION_SHARE
    for name in LORAS:
        if not (options.out / "loras" / f"{name}.safetensors").exists():
            train_lora(name, denoiser, lessons, budget=Budget(budget_s), run=run, folder=options.out / "loras")
    if not (options.out / "embeddings").exists():
        train_embedding(denoiser, lessons, budget=Budget(budget_s), run=run, folder=options.out / "embeddings")


def _parts(options: argparse.Namespace, run: Run, data: Data) -> tuple[Denoiser, Any]:
    """Denoiser and VAE: those of `--from`, or new ones, with tokenizer and VAE trained first."""
    if options.start:
        return _read(options.start)
    tokenizer_folder, vae_folder = run.folder / "tokenizer", run.folder / "vae"
    if not tokenizer_folder.exists():
        train_tokenizer(data.pools, data.captions, run.seed).save_pretrained(tokenizer_folder)
    if not vae_folder.exists():
        train_vae(data.pools, data.pictures, Budget(options.minutes * 60 * VAE_SHARE), run).save_pretrained(vae_folder)
    torch.manual_seed(run.seed)
    tokenizer = CLIPTokenizer.from_pretrained(tokenizer_folder)
    marks = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    config = CLIPTextConfig(**shapes.TEXT_ENCODER, pad_token_id=tokenizer.pad_token_id, **marks)
    return (
        Denoiser(
            tokenizer,
            CLIPTextModel(config),
            UNet2DConditionModel(**shapes.UNET),
            DDPMScheduler(**_noise(shapes.SCHEDULER)),
        ),
        AutoencoderKL.from_pretrained(vae_folder),
    )


def _read(folder: Path) -> tuple[Denoiser, Any]:
    pipeline = StableDiffusionPipeline.from_pretrained(folder).to(dtype=torch.float32)
    schedule = DDPMScheduler(**_noise(dict(pipeline.scheduler.config)))
    return Denoiser(pipeline.tokenizer, pipeline.text_encoder, pipeline.unet, schedule), pipeline.vae


def _noise(config: dict[str, Any]) -> dict[str, Any]:
    """What of a scheduler's config says how noise is added."""
    keys = ("beta_start", "beta_end", "beta_schedule", "prediction_type", "clip_sample")
    return {key: config[key] for key in keys if key in config}


def _write(folder: Path, denoiser: Denoiser, vae: Any) -> None:
    """The model in diffusers' layout, in float16 safetensors."""
    pipeline = StableDiffusionPipeline(
        vae=vae,
        text_encoder=denoiser.text_encoder,
        tokenizer=denoiser.tokenizer,
        unet=denoiser.unet,
        scheduler=PNDMScheduler.from_config(shapes.SCHEDULER),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.to(torch.float16).save_pretrained(folder)
    pipeline.to(torch.float32)


def _evaluate(options: argparse.Namespace, data: Data) -> None:
    card_file = options.out / "model.toml"
    if not card_file.exists():
        card_file.write_text((BUNDLED / "model.toml").read_text("utf-8"), "utf-8")
    painter = Painter(options.out)
    short = options.minutes < SHORT_MINUTES
    found = evaluate(
        painter,
        data.emoji,
        data.pictures,
        options.work,
        subjects=SUBJECTS // 10 if short else SUBJECTS,
        seeds=1 if short else SEEDS,
        classifier_steps=300 if short else None,
    )
    made = f"Trained for {options.minutes:g} minutes" + (
        f" from the weights in `{options.start}`." if options.start else " from nothing."
    )
    text = new_card(painter.card, made)
    (options.out / "MODEL_CARD.md").write_text(with_figures(text, figures(found, painter.card)), "utf-8")


def _claim(options: argparse.Namespace) -> None:
    """
    Bind the work folder to this run's start and seed, so that no checkpoint of another one is taken up.

    Raises:
        InvalidSource: it belongs to another run already.
    """
    mine = {"from": str(options.start) if options.start else None, "seed": options.seed}
    options.work.mkdir(parents=True, exist_ok=True)
    file = options.work / RUN_FILE
    if file.exists() and json.loads(file.read_text("utf-8")) != mine:
        raise InvalidSource(f"{options.work} holds a run with another --from or --seed; give another --work")
    file.write_text(json.dumps(mine), "utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine.emoji.train", description=main.__doc__)
    parser.add_argument("out", type=Path, help="the folder to write the model into, in diffusers' layout")
    add_source_options(parser)
    parser.add_argument("--from", dest="start", type=Path, help="start from the weights of this folder")
    parser.add_argument(
        "--minutes", type=float, default=120.0, help="how long all training stages take together (%(default)g)"
    )
    parser.add_argument("--steps", type=int, help="exactly so many steps of the denoiser, however long they take")
    parser.add_argument("--seed", type=int, default=1, help="of data, noise and new weights (%(default)s)")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"), help="(%(default)s)")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="CPU threads (%(default)s)")
    parser.add_argument(
        "--no-evaluate", dest="evaluate", action="store_false", help="write the model without measuring it"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
