import pytest

from earmark.training.recipe import STAGES, Recipe, RecipeError


@pytest.mark.parametrize("name", ["paper", "default", "smoke", "teacher"])
def test_shipped_recipes_are_valid(name: str) -> None:
    stages = tuple(Recipe.read(name).stages)
    assert stages == tuple(s for s in STAGES if s != "joint" or name == "teacher")


def test_branches_learn_together_only_where_a_recipe_says_so() -> None:
    recipe = Recipe.from_table("own", {"stage": {"joint": {"epochs": 3}}})
    assert tuple(recipe.stages) == STAGES
    assert Recipe.from_saved(recipe.as_table()) == recipe


def test_paper_recipe_is_as_published() -> None:
    recipe = Recipe.read("paper")
    for stage in recipe.stages.values():
        assert (stage.epochs, stage.loss, stage.mixup, stage.gain_db) == (300, "huber", 0, 0)
        assert (stage.learning_rate, stage.final_learning_rate) == (2e-4, 1e-6)
    assert recipe.data.negatives == 0
    assert not recipe.model.waveform.log_compression


def test_stage_takes_what_it_does_not_say_from_training() -> None:
    table = {"training": {"epochs": 7, "mixup": 0.3}, "stage": {"pitch": {"epochs": 2}}}
    recipe = Recipe.from_table("own", table)
    assert (recipe.stages["pitch"].epochs, recipe.stages["pitch"].mixup) == (2, 0.3)
    assert recipe.stages["timbre"].epochs == 7


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"trainig": {}}, "unknown table 'trainig'"),
        ({"training": {"epoch": 1}}, "unknown setting 'epoch'; known are epochs"),
        ({"training": {"epochs": "many"}}, "epochs must be of type int, got 'many'"),
        ({"training": {"epochs": -1}}, "epochs must not be negative"),
        ({"training": {"loss": "mse"}}, "loss must be one of"),
        ({"training": {"regularizer": "none"}}, "regularizer must be one of"),
        ({"training": {"restarts": [0]}}, "restarts must be a list of whole numbers from 1 on"),
        ({"stage": {"mobilenet": {"image_chunks": 3}}}, "must divide the 10 chunks .* got 3"),
        ({"training": {"image_chunks": 0}}, "must divide the 10 chunks of a window, got 0"),
        ({"training": {"mix_sounds": 1}}, "mix_sounds must be of type bool"),
        ({"training": []}, "must be a table"),
        ({"stage": {"smell": {}}}, "unknown stage 'smell'"),
        ({"model": {"nose": {}}}, "unknown model part 'nose'"),
        ({"model": {"encoder": {"d_model": 6.4}}}, "d_model must be of type int"),
        ({"seed": "x"}, "seed must be a whole number"),
        ({"data": {"share": 1.5}}, "share must lie above 0 and not above 1, got 1.5"),
        ({"data": {"validation_share": 1}}, "validation_share must lie between 0 and 1, got 1"),
        ({"data": {"minimum_clips": True}}, "minimum_clips must be of type int"),
    ],
)
def test_wrong_setting_is_named(table: dict, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        Recipe.from_table("own", table)


def test_recipe_that_is_not_there_names_the_shipped_ones(tmp_path) -> None:
    with pytest.raises(RecipeError, match="give one of base, default, paper, smoke, teacher"):
        Recipe.read("secret")
    (tmp_path / "own.toml").write_text("epochs = ")
    with pytest.raises(RecipeError, match="not valid TOML"):
        Recipe.read(str(tmp_path / "own.toml"))
    (tmp_path / "own.toml").write_text("seed = 9")
    assert Recipe.read(str(tmp_path / "own.toml")).seed == 9


def test_recipe_says_whether_it_learns_from_a_teacher() -> None:
    assert [Recipe.read(name).needs_teacher for name in ("default", "paper", "teacher")] == [
        False,
        False,
        True,
    ]
    assert Recipe.read("teacher").track == "with a teacher"
