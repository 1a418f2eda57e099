"""Sentences that several runners say."""

SHOW_AS_IT_IS = (
    "Until then, execute = false under [run] in broadsheet.toml shows the text as it is."
)
