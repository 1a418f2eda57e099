from django.apps import AppConfig

from portal.publishing.formats import DATA, DOCUMENT, NEVER, NOTEBOOK, PAGE, Format, register_format

TEXT = frozenset({"text", "html"})

FORMATS = (
    Format(
        name="html",
        label="Web page",
        extensions=frozenset({".html", ".htm", ".xhtml"}),
        kind="report",
        module="reports.producers.html",
        contents=TEXT,
        precedence=PAGE,
    ),
    Format(
        name="notebook",
        label="Notebook",
        extensions=frozenset({".ipynb"}),
        kind="report",
        module="reports.producers.notebook",
        contents=TEXT,
        precedence=NOTEBOOK,
    ),
    Format(
        name="markdown",
        label="Markdown",
        extensions=frozenset({".md", ".markdown", ".rmd", ".qmd"}),
        kind="report",
        module="reports.producers.markdown",
        contents=TEXT,
        precedence=DOCUMENT,
    ),
    Format(
        name="pdf",
        label="PDF",
        extensions=frozenset({".pdf"}),
        kind="report",
        module="reports.producers.pdf",
        contents=frozenset({"pdf"}),
        precedence=DOCUMENT,
    ),
    Format(
        name="table",
        label="Table",
        extensions=frozenset({".csv", ".tsv", ".jsonl", ".ndjson"}),
        kind="report",
        module="reports.producers.table",
        contents=frozenset({"text", "binary"}),
        precedence=DATA,
    ),
    Format(
        name="workbook",
        label="Workbook",
        extensions=frozenset({".xlsx", ".xlsm"}),
        kind="report",
        module="reports.producers.workbook",
        contents=frozenset({"zip"}),
        precedence=DATA,
    ),
    Format(
        name="columns",
        label="Table",
        extensions=frozenset({".parquet", ".arrow", ".feather"}),
        kind="report",
        module="reports.producers.columns",
        precedence=DATA,
    ),
    Format(
        name="slides",
        label="Slides",
        extensions=frozenset({".pptx"}),
        kind="report",
        module="reports.producers.slides",
        contents=frozenset({"zip"}),
        precedence=DOCUMENT,
    ),
    Format(
        name="document",
        label="Document",
        extensions=frozenset({".docx"}),
        kind="report",
        module="reports.producers.document",
        contents=frozenset({"zip"}),
        precedence=DOCUMENT,
    ),
    Format(
        name="text",
        label="Plain text",
        extensions=frozenset({".txt", ".log"}),
        kind="report",
        module="reports.producers.text",
        contents=TEXT,
        precedence=NEVER,  # requirements.txt and its like lie in many folders
    ),
)


class ReportsConfig(AppConfig):
    """Reports: what a data scientist writes for readers, and how each format is shown."""

    name = "reports"

    def ready(self) -> None:
        """Take the formats of reports, and execute the code that makes them."""
        from portal.runs.runners import register_runner  # noqa: PLC0415  models exist only now
        from reports.runners import notebook, quarto, rmarkdown, script, shell  # noqa: PLC0415

        for known in FORMATS:
            register_format(known)
        register_runner(notebook.NOTEBOOK)
        register_runner(script.SCRIPT)
        register_runner(shell.SHELL_SCRIPT)
        register_runner(shell.COMMAND)
        register_runner(quarto.QUARTO_DOCUMENT)
        register_runner(rmarkdown.R_MARKDOWN)
