import inspect

import pytest
from diffusers.pipelines.auto_pipeline import AUTO_TEXT2IMAGE_PIPELINES_MAPPING

from engine.files.families import PIPELINES
from engine.files.wholes import WHOLES

OTHERS = {
    "IFPipeline": "draws 64 pixels a side for a second pipeline to enlarge",
    "Ideogram4Pipeline": "its guidance is a schedule",
    "PRXPipeline": "its index holds a size instead of its networks' configs",
    "HeliosPipeline": "draws films",
    "HeliosPyramidPipeline": "draws films",
    "KandinskyCombinedPipeline": "two models in one, of which the hub holds each alone",
    "KandinskyV22CombinedPipeline": "likewise",
    "StableCascadeCombinedPipeline": "likewise",
    "WuerstchenCombinedPipeline": "likewise",
    "StableDiffusionPAGPipeline": "Stable Diffusion that says so, whose safety checker would be lost",
    "StableDiffusionXLPAGPipeline": "likewise",
    "KolorsPipeline": "its text encoder is neither library's",
    "KolorsPAGPipeline": "likewise",
}
"""What AutoPipelineForText2Image opens, and what is wrong with it here."""
PIPELINE_CLASSES = {kind.__name__: kind for kind in AUTO_TEXT2IMAGE_PIPELINES_MAPPING.values()}


def default(name: str, argument: str):
    parameter = inspect.signature(PIPELINE_CLASSES[name].__call__).parameters.get(argument)
    return parameter and parameter.default


@pytest.mark.parametrize("name", PIPELINE_CLASSES)
def test_every_pipeline_that_draws_from_a_text_is_known(name):
    needs_more = "Control" in name
    assert needs_more or name in {**WHOLES, **PIPELINES, **OTHERS}


@pytest.mark.parametrize("name", WHOLES)
def test_a_pipeline_draws_by_default_as_its_own_call_does(name):
    whole = WHOLES[name]
    assert (default(name, "num_inference_steps"), default(name, whole.guidance_argument)) == (
        whole.steps,
        whole.guidance,
    )
    assert default(name, "height") in (None, whole.side)


@pytest.mark.parametrize("name", WHOLES)
def test_a_pipeline_tells_the_end_of_each_step(name):
    arguments = inspect.signature(PIPELINE_CLASSES[name].__call__).parameters
    assert "callback_on_step_end" in arguments or {"callback", "callback_steps"} <= set(arguments)


@pytest.mark.parametrize("name", [name for name, whole in WHOLES.items() if whole.takes_negative])
def test_a_pipeline_takes_the_negative_prompt_that_has_an_effect(name):
    assert "negative_prompt" in inspect.signature(PIPELINE_CLASSES[name].__call__).parameters


@pytest.mark.parametrize("name", WHOLES)
def test_the_size_of_a_pipeline_is_one_that_it_takes(name):
    whole = WHOLES[name]
    assert whole.multiple % 8 == 0
    assert (whole.side or whole.multiple) % whole.multiple == 0
