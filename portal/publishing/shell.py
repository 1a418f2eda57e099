"""The HTML around every page that Broadsheet makes from an author's file.

Such a page runs in a sandbox with an origin of its own and only ever loads the edition's files and
what lies below /static/; `sandbox.js` comes first and makes both bearable.
"""

import json
from collections.abc import Iterable
from html import escape

DATA_ID = "broadsheet-data"
MATH_STYLES = ("/static/vendor/katex-0.19.1/katex.min.css",)
MATH_SCRIPTS = ("/static/vendor/katex-0.19.1/katex.min.js", "/static/content/math.js")
FORMULA_LIBRARIES = (MATH_SCRIPTS[0], "/static/vendor/katex-0.19.1/contrib/auto-render.min.js")
FORMULA_SCRIPT = (
    "/static/content/formulas.js"  # for pages that others made: any TeX between delimiters
)

# In a script element only "<" can end the data; the others keep old parsers and proxies quiet.
_SCRIPT_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def page(
    title: str,
    body: str,
    *,
    styles: Iterable[str] = (),
    scripts: Iterable[str] = (),
    data: object = None,
) -> str:
    """One complete HTML page. `body` is markup that is already safe to show; all else is escaped.

    `styles` and `scripts` are addresses, in order; scripts are deferred, so they find the whole page.
    `data` is JSON for them, in `<script type="application/json" id="broadsheet-data">`.
    """
    head = [
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<script src="/static/content/sandbox.js"></script>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{escape(title)}</title>",
        '<link rel="stylesheet" href="/static/content/content.css">',
        *(f'<link rel="stylesheet" href="{escape(style)}">' for style in styles),
        *(f'<script src="{escape(script)}" defer></script>' for script in scripts),
        "</head>",
    ]
    main = ["<body>", "<main data-broadsheet-page>", body, "</main>"]
    if data is not None:
        main.append(f'<script type="application/json" id="{DATA_ID}">{script_json(data)}</script>')
    return "\n".join([*head, *main, "</body>", "</html>", ""])


def script_json(data: object) -> str:
    """`data` as JSON that cannot leave a script element; NaN and Infinity raise ValueError."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.translate(_SCRIPT_ESCAPES)
