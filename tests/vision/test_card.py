"""The card says what was measured and what the recipe states, and nothing about other people's photographs."""

from dataclasses import replace
from pathlib import Path

from mpoxlens.bundle import Bundle, Spec, default_path
from mpoxlens.vision.card import write_card
from mpoxlens.vision.recipe import Recipe, load

LITE0 = Path(__file__).parents[2] / "recipes" / "lite0.toml"
OF_THE_PUBLIC_PHOTOGRAPHS = ("few dozen people", "Genital", "confounded", "publishers", "reviewer", "non-commercial")


def stated(spec: Spec, recipe: Recipe) -> Spec:
    """The specification with what a run of the recipe passes on for the card."""
    training = {**spec.training, **recipe.bundle.statements}
    return replace(spec, training=training, licences=recipe.bundle.licences)


def test_the_default_recipe_gives_the_default_card() -> None:
    spec = Bundle.load(default_path(), check_golden=False).spec
    assert write_card(stated(spec, load(LITE0))) == (default_path() / "card.md").read_text(encoding="utf-8")


def test_a_recipe_that_states_nothing_claims_nothing(tmp_path: Path) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text("[data]\n")
    spec = Bundle.load(default_path(), check_golden=False).spec
    card = write_card(stated(spec, load(recipe)))
    assert [words for words in OF_THE_PUBLIC_PHOTOGRAPHS if words in card] == []
    assert "- **Other rashes** than chickenpox, measles, healthy were not learned." in card
    assert "- weights: not stated\n- data: not stated\n" in card


def test_what_is_stated_stands_in_the_card_a_paragraph_each(tmp_path: Path) -> None:
    recipe = tmp_path / "mine.toml"
    long = "Photographs of children are missing, " * 4 + "and of the old."
    recipe.write_text(f'[bundle]\nlimits = ["One clinic.", "{long}"]\ndata_licence = "ours"\n')
    spec = Bundle.load(default_path(), check_golden=False).spec
    card = write_card(stated(spec, load(recipe)))
    section = card.partition("## Limits\n\n")[2].partition("\n\n## Licences")[0]
    assert section.startswith("- One clinic.\n- Photographs of children")
    assert "**" not in section
    assert " ".join(section.split()) == f"- One clinic. - {long}"
    assert "- data: ours\n" in card


def test_a_result_that_may_be_chance_is_called_so_on_the_card() -> None:
    spec = Bundle.load(default_path(), check_golden=False).spec
    rash = {**spec.figures["rash_only"], "auroc": {"value": 0.6, "low": 0.4, "high": 0.8}, "clusters": 9}
    card = write_card(replace(spec, figures={**spec.figures, "rash_only": rash}))
    assert "**Not shown to be of use: the AUROC's interval, 0.400 to 0.800, does not lie above .5" in card
    assert "**Only 9 clusters: intervals from so few are too narrow.**" in card


def test_statements_change_no_fit(tmp_path: Path) -> None:
    plain, stating = tmp_path / "plain.toml", tmp_path / "stating.toml"
    plain.write_text("[data]\n")
    stating.write_text('[bundle]\nlimits = ["One clinic."]\nregistration = "None."\n')
    assert load(plain).sha256 == load(stating).sha256
    assert load(stating).bundle.statements == {"limits": ["One clinic."], "study": {"registration": "None."}}
    default = Bundle.load(default_path(), check_golden=False).spec
    assert load(LITE0).sha256 == default.training["recipe_sha256"]
