"""The base of every part of the configuration: immutable, strict, and nothing unknown passes."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A TOML table with fixed keys.

    Defaults are validated like written values, so that paths in them become absolute; unknown keys are errors;
    no value changes its type silently (`port = "25"` is an error).
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        validate_default=True,
        revalidate_instances="always",
        hide_input_in_errors=True,
    )
