"""What every endpoint of the API may answer besides its result."""

from typing import Any

from ninja import Field, Schema


class Problem(Schema):
    """Why it did not work."""

    code: str = Field(description="For programs; never changes its meaning")
    message: str = Field(description="For people: what is wrong, and what to do")


READING: dict[Any, Any] = {401: Problem, 403: Problem, 404: Problem, 422: Problem}
CHANGING: dict[Any, Any] = READING | {409: Problem}
