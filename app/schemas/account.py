"""Forms of the account pages."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class PreferencesIn(BaseModel):
    """Language and unit of mass; an empty language follows the browser."""

    model_config = ConfigDict(extra="ignore")

    locale: str = ""
    unit: str


class LanguageIn(BaseModel):
    """The language switch of a page, and the address to go back to."""

    model_config = ConfigDict(extra="ignore")

    locale: str
    to: str = "/"


class TokenIn(BaseModel):
    """A token to be made."""

    model_config = ConfigDict(extra="ignore")

    name: str = ""
    scopes: list[str] = Field(default_factory=list)
    days: Annotated[int, Field(ge=1, le=366)] = 90


class UserIn(BaseModel):
    """A person to be added, with a password that is made for them."""

    model_config = ConfigDict(extra="ignore")

    email: str = ""
    name: str = ""
    roles: list[str] = Field(default_factory=list)
    organisation: str = ""


class RolesIn(BaseModel):
    """The roles of a user from now on."""

    model_config = ConfigDict(extra="ignore")

    roles: list[str] = Field(default_factory=list)
