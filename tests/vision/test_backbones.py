"""Networks behind one face: the laws that hold for each, and what is said of one that cannot be had."""

from dataclasses import replace
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from mpoxlens import weights
from mpoxlens.errors import WeightsError
from mpoxlens.vision.backbones import (
    FAMILIES,
    Classifier,
    create,
    freeze,
    load_base,
    parameter_groups,
    preprocess_of,
    stages,
)
from mpoxlens.vision.recipe import ModelRecipe

PLAIN = ModelRecipe(weights="none", frozen_blocks=0, size=64)
SMALL = {  # one of each kind of layout, small enough for a fast test
    "mobilenetv3_small_050": "mean",
    "swin_s3_tiny_224": "mean",
    "vit_tiny_patch16_224": "token",
    "squeezenet": "mean",
}


@pytest.fixture(autouse=True)
def no_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing in the caches, and no hub, as on a hospital's machine."""
    monkeypatch.setenv("MPOXLENS_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    weights.hub_reachable.cache_clear()
    return tmp_path


def _laws(model: Classifier) -> None:
    """Logits are the mean of the maps; every parameter is in one stage; what is frozen is in no group."""
    model.eval()
    with torch.no_grad():
        logits, cam, embedding = model(torch.randn(2, 3, model.size, model.size))
        by_hand = embedding @ model.head.weight[:, :, 0, 0].T + model.head.bias
    torch.testing.assert_close(cam.mean(dim=(2, 3)), logits)
    torch.testing.assert_close(by_hand, logits, rtol=1e-4, atol=1e-4)
    parts = stages(model)
    inside = [id(p) for part in parts for p in part.parameters()]
    assert sorted(inside) == sorted(id(p) for p in model.backbone.parameters())
    freeze(model, 1)
    grouped = [id(p) for group in parameter_groups(model, 1.0, 0.5) for p in group["params"]]
    frozen = [id(p) for part in parts[:2] for p in part.parameters()]
    assert sorted(grouped + frozen) == sorted(id(p) for p in model.parameters())
    kept = [module for part in parts[:2] for whole in part.parts for module in whole.modules()]  # type: ignore[union-attr]
    assert kept
    assert not any(module.training for module in kept)


@pytest.mark.parametrize("name", SMALL)
def test_laws_of_every_layout(name: str) -> None:
    size = 224 if name.startswith("swin") else 64
    model = create(replace(PLAIN, backbone=name, pool=SMALL[name], size=size), 3)
    _laws(model)
    if SMALL[name] == "token":
        cam = model(torch.randn(1, 3, size, size))[1]
        torch.testing.assert_close(cam, cam[:, :, :1, :1].expand_as(cam))  # flat: it explains nothing


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(FAMILIES) - {"vgg16"}))
def test_laws_of_every_family(name: str) -> None:
    size = {"dinov2-s": 70, "inception-v3": 96}.get(name, 64)
    _laws(create(replace(PLAIN, backbone=name, size=size, pool=FAMILIES[name].pool), 4))


def test_the_first_network_is_what_it_was() -> None:
    torch.manual_seed(3)
    model = create(replace(PLAIN, backbone="tf_efficientnet_lite0"), 3).eval()
    torch.manual_seed(3)
    network = timm.create_model("tf_efficientnet_lite0").eval()
    head = torch.nn.Conv2d(1280, 3, 1)
    photo = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        cam = head(network.forward_features(photo))
        torch.testing.assert_close(model(photo)[1], cam, rtol=0, atol=0)
    own = [k for k in network.state_dict() if not k.startswith("classifier.")]
    assert list(model.state_dict()) == [*(f"backbone.{k}" for k in own), "head.weight", "head.bias"]
    assert len(stages(model)) == 9  # stem, seven blocks, last convolution


@pytest.mark.parametrize("name", FAMILIES)
def test_timm_says_the_same_of_a_family(name: str) -> None:
    family = FAMILIES[name]
    cfg = timm.get_pretrained_cfg(family.network, allow_unregistered=True)
    if cfg is None or not cfg.architecture:
        assert family.network.startswith(("transformers-", "torchvision-"))
        return
    assert (cfg.mean, cfg.std, cfg.input_size[-1]) == (family.mean, family.std, family.size)
    assert family.weights != "hub" or cfg.hf_hub_id or cfg.url


def test_a_recipe_of_a_family_takes_its_own_size_and_statistics() -> None:
    model = create(replace(PLAIN, backbone="squeezenet", size=0), 2)
    spec = preprocess_of(model)
    assert (spec.size, spec.mean) == (224, (0.485, 0.456, 0.406))
    assert preprocess_of(model, 96).size == 96


def test_weights_of_the_hub_are_taken_from_a_local_folder(no_hub: Path) -> None:
    network = timm.create_model("mobilenetv3_small_050")
    save_file(network.state_dict(), no_hub / "mobilenetv3_small_050.safetensors")
    model = create(replace(PLAIN, backbone="mobilenetv3_small_050", weights="hub"), 3)
    for key, value in model.backbone.state_dict().items():
        torch.testing.assert_close(value, network.state_dict()[key], rtol=0, atol=0)


def test_weights_of_a_file_may_lack_the_head_alone(tmp_path: Path) -> None:
    state = timm.create_model("mobilenetv3_small_050").state_dict()
    bare = {k: v for k, v in state.items() if not k.startswith(("classifier", "conv_head"))}
    save_file(bare, tmp_path / "mine.safetensors")
    recipe = replace(PLAIN, backbone="mobilenetv3_small_050", weights=str(tmp_path / "mine.safetensors"))
    stem = create(recipe, 3).backbone.conv_stem.weight
    torch.testing.assert_close(stem, torch.nn.Parameter(state["conv_stem.weight"]), rtol=0, atol=0)
    save_file({k: v for k, v in bare.items() if k != "conv_stem.weight"}, tmp_path / "mine.safetensors")
    with pytest.raises(WeightsError, match=r"mine\.safetensors': they belong to another network"):
        create(recipe, 3)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    torch.save({"conv.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match=r"other\.pth': they belong to another network; correct model\.weights"):
        load_base(timm.create_model("mobilenetv3_small_050"), str(tmp_path / "other.pth"))


@pytest.mark.parametrize("name", ["vgg16", "deit", "xception", "squeezenet", "clip-vit-b16"])
def test_weights_that_cannot_be_had_are_told_and_nothing_is_trained_from_scratch(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_args: object, **_kwargs: object) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr("urllib.request.urlopen", unreachable)
    with pytest.raises(WeightsError, match=r"not to be had from the local folders, .*MPOXLENS_WEIGHTS"):
        create(replace(FAMILIES[name], weights="hub"), 4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"backbone": "resnet9000"}, "network 'resnet9000': timm does not know it"),
        ({"backbone": "mobilenetv3_small_050", "pool": "token"}, "it has no class token"),
        ({"backbone": "mobilenetv3_small_050", "frozen_blocks": 99}, "set model.frozen_blocks to 6 at most"),
        ({"backbone": "vit_tiny_patch16_224", "size": 100}, "patches of 16 px do not fill 100 px"),
    ],
)
def test_what_a_network_cannot_do_is_told(change: dict[str, object], message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        create(replace(PLAIN, **change), 3)  # type: ignore[arg-type]


def test_without_a_hub_nobody_waits_for_one(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(WeightsError, match="network 'hf-hub:timm/resnet9000': the hub cannot be reached"):
        create(replace(PLAIN, backbone="hf-hub:timm/resnet9000"), 3)
    with pytest.raises(WeightsError, match=r"base weights of 'nobody/nothing': not to be had"):
        create(replace(PLAIN, backbone="hf:nobody/nothing", weights="hub"), 3)
    assert capfd.readouterr().err == ""
