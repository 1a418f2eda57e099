"""The one way in which an uploaded file is turned down."""


class Refused(Exception):
    """The file cannot be taken. `message` is a sentence or two for people: what is wrong, what to do.

    `code` is for programs and never changes its meaning; `status` is the HTTP status: 400, 413, 415,
    422, or 429 where waiting helps.
    """

    def __init__(self, code: str, message: str, status: int = 422) -> None:
        super().__init__(code, message, status)
        self.code = code
        self.message = message
        self.status = status

    def __str__(self) -> str:
        return self.message
