"""A command that names its settings: which flags it gets, and what its function receives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner, Result

from annotator.commands.with_settings import Unset, with_settings
from annotator.errors import OnetagError
from annotator.flags import Panel
from annotator.settings import Settings

Received = dict[str, Any]
Name = Annotated[str, typer.Option("--name", help="Whom to greet.")]


def run(command: Callable[..., None], *arguments: str, **variables: str) -> Result:
    app = typer.Typer()
    app.command()(command)
    environment = {f"ONETAG_{name}": value for name, value in variables.items()} | {"COLUMNS": "300"}
    return CliRunner().invoke(app, list(arguments), env=environment)


@pytest.fixture
def received() -> Received:
    return {}


@pytest.fixture
def greet(received: Received) -> Callable[..., None]:
    @with_settings(Panel.BACKEND, "image_hosts", "expected_positives", "label_studio_token", seed=7)
    def command(settings: Settings, *, name: Name = "you") -> None:
        """Greet."""
        received.update(settings=settings, name=name)

    return command


def test_the_function_gets_the_settings_and_its_own_options(
    greet: Callable[..., None], received: Received
) -> None:
    result = run(greet, "--port", "9191", "--name", "Ada", "--image-hosts", "A.example, b.example")
    assert result.exit_code == 0, result.output
    assert received["name"] == "Ada"
    assert received["settings"].port == 9191
    assert received["settings"].image_hosts == ("a.example", "b.example")


def test_a_flag_wins_over_its_variable_even_when_it_says_the_default(
    greet: Callable[..., None], received: Received
) -> None:
    run(greet, PORT="9191", LABEL_STUDIO_TOKEN="hush")
    assert received["settings"].port == 9191
    assert received["settings"].label_studio_token.get_secret_value() == "hush"
    run(greet, "--port", "9090", PORT="9191")
    assert received["settings"].port == 9090


def test_a_command_may_have_a_default_of_its_own(greet: Callable[..., None], received: Received) -> None:
    assert "[default: 7]" in run(greet, "--help").output
    run(greet)
    assert received["settings"].seed == 7
    run(greet, SEED="3")
    assert received["settings"].seed == 3


def test_a_default_that_is_found_out_later_leaves_the_setting_unset(received: Received) -> None:
    @with_settings(port=Unset("a free one"))
    def command(settings: Settings) -> None:
        received["given"] = settings.model_fields_set

    assert "[default: (a free one)]" in run(command, "--help").output
    run(command)
    assert received["given"] == set()
    run(command, PORT="9090")
    assert received["given"] == {"port"}


def test_a_panel_brings_its_settings_but_those_that_are_variables_only(greet: Callable[..., None]) -> None:
    shown = run(greet, "--help").output
    assert Panel.BACKEND in shown
    assert "--host" in shown
    assert "--secret" not in shown


def test_without_leaves_settings_of_a_panel_out() -> None:
    @with_settings(Panel.STORE, without=("database_url",))
    def command(settings: Settings) -> None:
        """Do nothing."""

    shown = run(command, "--help").output
    assert "--data-dir" in shown
    assert "--database-url" not in shown


def test_the_bounds_of_a_setting_are_those_of_its_flag(greet: Callable[..., None]) -> None:
    assert "[1<=x<=65535]" in run(greet, "--help").output
    assert run(greet, "--port", "0").exit_code == 2


def test_a_bound_that_a_command_line_cannot_show_is_still_held(greet: Callable[..., None]) -> None:
    result = run(greet, "--expected-positives", "0")
    assert isinstance(result.exception, OnetagError)
    assert "ONETAG_EXPECTED_POSITIVES" in str(result.exception)


def test_a_variable_of_a_setting_without_a_flag_is_read_too(tmp_path: Path) -> None:
    received: Received = {}

    @with_settings("data_dir")
    def command(settings: Settings) -> None:
        received["window"] = settings.window

    run(command, "--data-dir", str(tmp_path), WINDOW="5")
    assert received["window"] == 5


@pytest.mark.parametrize(
    ("name", "told"), [("speed", "no setting 'speed'"), ("secret", "every user of the machine")]
)
def test_a_setting_that_cannot_be_a_flag_is_refused(name: str, told: str) -> None:
    with pytest.raises(LookupError, match=told):

        @with_settings(name)
        def command(settings: Settings) -> None:
            """Do nothing."""
