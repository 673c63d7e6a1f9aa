"""How a field of settings is spelled, typed and shown on a command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from annotator.flags import default_text, default_value, flag_of, plain_type, spelling, variable
from annotator.settings import Settings

FIELDS = Settings.model_fields


@pytest.mark.parametrize(
    ("name", "flag"),
    [
        ("data_dir", "--data-dir"),
        ("label_studio_url", "--url"),
        ("end_to_end", "--end-to-end/--frozen"),
        ("correct_tagging_bias", "--correct-tagging-bias/--no-correct-tagging-bias"),
    ],
)
def test_a_flag_is_the_fields_name_unless_it_is_spelled_otherwise(name: str, flag: str) -> None:
    assert spelling(name, FIELDS[name]) == flag


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("data_dir", Path),
        ("weights", Path),
        ("port", int),
        ("expected_positives", float),
        ("end_to_end", bool),
        ("loss", str),
        ("label_studio_token", str),
        ("image_hosts", str),
    ],
)
def test_a_command_line_reads_secrets_and_lists_as_text(name: str, kind: type) -> None:
    assert plain_type(FIELDS[name]) is kind


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("port", 9090, "the data folder's, else 9090"),
        ("seed", 0, "0"),
        ("loss", None, "the measured default"),
        ("image_hosts", None, "none"),
        ("database_url", None, "SQLite in the data folder"),
    ],
)
def test_a_default_is_shown_as_it_is_or_as_what_holds_without_a_value(
    name: str, value: object, text: str
) -> None:
    assert default_value(FIELDS[name]) == value
    assert default_text(FIELDS[name]) == text


def test_a_variable_is_the_name_in_capitals() -> None:
    assert variable("data_dir") == "ONETAG_DATA_DIR"


def test_a_field_without_a_flag_is_refused() -> None:
    class Bare(BaseModel):
        port: int = 9090

    with pytest.raises(LookupError, match="carries no Flag"):
        flag_of(Bare.model_fields["port"])
