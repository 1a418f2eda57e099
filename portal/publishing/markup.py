"""Markdown to HTML that is safe to show: rendered, then reduced to an allow-list of elements.

Pure Python without Django, because it runs in the child processes that read authors' files.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import nh3
import yaml
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.front_matter import front_matter_plugin
from mdit_py_plugins.tasklists import tasklists_plugin
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES
from pygments.util import ClassNotFound

JSON = Any

# Where a relative address of a picture or link leads in the page; None: nowhere, leave it out.
Resolver = Callable[[str], str | None]

HIGHLIGHT_LIMIT = 200_000  # characters of code; beyond it colours cost more than they help
RUN_LIMIT = 400  # equal marks in a row; the parser's time grows with the square of such a run
NESTING = 50  # quotes in lists in quotes

_ANCHOR_PREFIX = (
    "u-"  # authors' anchors never share names with ours, or with properties of document
)
_RELATIVE_TAGS = {"a": "href", "img": "src"}
_DATA_IMAGE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,", re.ASCII)
_LONG_RUN = re.compile(rf"([\[\]!*_`~<>$\\(|])\1{{{RUN_LIMIT},}}")

_TAGS = """
    a abbr b blockquote br caption center code col colgroup dd del details dfn div dl dt em
    figcaption figure h1 h2 h3 h4 h5 h6 hr i img input ins kbd li mark ol p pre q s samp section
    small span strong sub summary sup table tbody td tfoot th thead tr tt u ul var
"""
TAGS = frozenset(_TAGS.split())
ATTRIBUTES: dict[str, set[str]] = {
    "*": {"id", "title", "lang", "dir", "align"},
    "a": {"href", "name"},
    "col": {"span"},
    "details": {"open"},
    "img": {"src", "alt", "width", "height"},
    "input": {"checked", "disabled"},
    "ol": {"start", "reversed"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
}
CLASSES: dict[str, set[str]] = {
    "span": {*filter(None, STANDARD_TYPES.values()), "math", "inline", "block", "left-out"},
    "div": {"scroll"},
    "pre": {"code"},
    "section": {"footnotes"},
    "sup": {"footnote-ref"},
    "a": {"footnote-backref"},
    "ul": {"contains-task-list"},
    "li": {"task-list-item", "footnote-item"},
}


@dataclass(frozen=True)
class Rendered:
    """Safe HTML and what one wants to know of it.

    `title` is the text of the first heading of level one, else of the first heading, else empty.
    `front` is the front matter with every value as text; empty if it is no mapping.
    """

    html: str
    title: str = ""
    front: dict[str, JSON] = field(default_factory=dict)
    has_math: bool = False
    pictures_left_out: int = 0


def render(text: str, *, resolve: Resolver = lambda address: None) -> Rendered:
    """`text` as safe HTML; `resolve` says where its relative addresses lead in the finished page.

    Pictures of other sites are left out (their alternative text stays) and counted.
    """
    tokens = _parse(_shorten_runs(text))
    cleaner = _Addresses(resolve)
    raw = _PARSER.renderer.render(tokens, _PARSER.options, {"addresses": cleaner})
    return Rendered(
        html=cleaner.clean(raw),
        title=_title(tokens),
        front=_front_matter(tokens),
        has_math=any(token.type in _MATH_TOKENS for token in _walk(tokens)),
        pictures_left_out=cleaner.pictures_left_out,
    )


def code(text: str, language: str) -> str:
    """Source code as one `<pre class="code">`, coloured if the language is known."""
    return f'<pre class="code"><code>{_highlight(text, language)}</code></pre>\n'


def slug(text: str) -> str:
    """The anchor of a heading, as GitHub makes it: `## Data & code` is `#data--code`."""
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


class _Addresses:
    """Decides on every address of one document while it is cleaned."""

    def __init__(self, resolve: Resolver) -> None:
        self.pictures_left_out = 0
        self._resolve = resolve

    def clean(self, html: str) -> str:
        return nh3.clean(
            html,
            tags=set(TAGS),
            attributes=ATTRIBUTES,
            attribute_filter=self._attribute,
            allowed_classes=CLASSES,
            tag_attribute_values={"input": {"type": {"checkbox"}}},
            set_tag_attribute_values={"input": {"disabled": ""}},
            url_schemes={"http", "https", "mailto", "data", "attachment"},
            link_rel="noopener noreferrer",
        )

    def _attribute(self, tag: str, name: str, value: str) -> str | None:
        if name in ("id", "name"):
            return _ANCHOR_PREFIX + value
        if _RELATIVE_TAGS.get(tag) != name:
            return value
        return self._link(value) if tag == "a" else self.picture(value)

    def _link(self, address: str) -> str | None:
        if address.startswith("#"):
            return f"#{_ANCHOR_PREFIX}{address[1:]}"
        if _is_relative(address):
            return self._resolve(address)
        return None if address.lower().startswith("data:") else address

    def picture(self, address: str) -> str | None:
        """Where the picture is in the finished page; None, and counted, if it is not there."""
        if _DATA_IMAGE.match(address):
            return address
        found = self._resolve(address) if _is_relative(address) else None
        self.pictures_left_out += found is None
        return found


def _is_relative(address: str) -> bool:
    """Whether the address names a file beside the page. Attachments of notebooks count as such."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in ("", "attachment") and not parts.netloc and not address.startswith("/")


def _shorten_runs(text: str) -> str:
    """No author writes 400 equal brackets; whoever does gets fewer, not a page that never ends."""
    return _LONG_RUN.sub(lambda match: match[0][:RUN_LIMIT], text)


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": True, "linkify": False, "maxNesting": NESTING})
    parser.enable(["table", "strikethrough"])
    parser.use(front_matter_plugin).use(footnote_plugin).use(tasklists_plugin)
    parser.use(amsmath_plugin)
    parser.use(dollarmath_plugin, allow_labels=False, allow_digits=False, double_inline=True)
    for name, rule in {
        "math_inline": _render_inline_formula,
        "math_inline_double": _render_display_formula,
        "math_block": _render_display_formula,
        "amsmath": _render_display_formula,
        "image": _render_image,
        "fence": _render_fence,
        "code_block": _render_fence,
        "table_open": _render_table_open,
        "table_close": _render_table_close,
    }.items():
        parser.add_render_rule(name, rule)
    parser.validateLink = lambda url: True  # type: ignore[method-assign]  # cleaning decides
    return parser


def _parse(text: str) -> list[Token]:
    tokens = _PARSER.parse(text)
    used: dict[str, int] = {}
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open":
            name = slug(_plain(inline))
            number = used[name] = used.get(name, -1) + 1
            opening.attrSet("id", f"{name}-{number}" if number else name)
    return tokens


def _render_inline_formula(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    return f'<span class="math inline">{escape(tokens[index].content)}</span>'


def _render_display_formula(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    return f'<span class="math block">{escape(tokens[index].content)}</span>'


def _render_image(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    """The picture, or its alternative text in place of one that cannot be shown."""
    token = tokens[index]
    if env["addresses"].picture(str(token.attrGet("src"))):
        return renderer.image(tokens, index, options, env)
    return f'<span class="left-out">{escape(_alternative(token))}</span>'


def _render_fence(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    token = tokens[index]
    language = (token.info.split() or [""])[0].strip("{}.,")
    return code(token.content, language)


def _render_table_open(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    return '<div class="scroll"><table>'


def _render_table_close(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    return "</table></div>"


def _highlight(text: str, language: str) -> str:
    if not language or len(text) > HIGHLIGHT_LIMIT:
        return escape(text, quote=False)
    try:
        lexer = get_lexer_by_name(language, stripnl=False)
    except ClassNotFound:
        return escape(text, quote=False)
    return highlight(text, lexer, HtmlFormatter(nowrap=True))


def _walk(tokens: Sequence[Token]) -> list[Token]:
    return [inner for token in tokens for inner in (token, *(token.children or ()))]


def _plain(inline: Token) -> str:
    """The words of a heading, without its marks, pictures and HTML."""
    kept = ("text", "code_inline", "softbreak", "hardbreak", "math_inline")
    children = [child for child in inline.children or () if child.type in kept]
    return " ".join("".join(child.content or " " for child in children).split())


def _alternative(image: Token) -> str:
    return " ".join(child.content for child in image.children or ()).strip()


def _title(tokens: Sequence[Token]) -> str:
    headings = [
        (opening.tag, _plain(inline))
        for opening, inline in pairwise(tokens)
        if opening.type == "heading_open"
    ]
    first = [words for tag, words in headings if tag == "h1" and words]
    return (first or [words for _, words in headings if words] or [""])[0]


def _front_matter(tokens: Sequence[Token]) -> dict[str, JSON]:
    source = next((token.content for token in tokens if token.type == "front_matter"), "")
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(source)):
            return {}  # a few lines of aliases could unfold to gigabytes
        front = yaml.load(source, Loader=yaml.BaseLoader)  # noqa: S506  # builds text only
    except (yaml.YAMLError, RecursionError):
        return {}
    return front if isinstance(front, dict) else {}


_MATH_TOKENS = {"math_inline", "math_inline_double", "math_block", "amsmath"}
_PARSER = _parser()
