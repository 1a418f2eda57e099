# Renders an R Markdown document: Rscript render.R <entry.Rmd> <folder>
# Parameters come as JSON in BROADSHEET_PARAMETERS; rmarkdown refuses those that the document does not declare.

arguments <- commandArgs(trailingOnly = TRUE)
given <- jsonlite::fromJSON(Sys.getenv("BROADSHEET_PARAMETERS", "{}"))
knitr::opts_knit$set(progress = FALSE) # a bar for terminals

rmarkdown::render(
  arguments[[1]],
  output_dir = arguments[[2]],
  params = if (length(given)) given,
  envir = new.env(parent = globalenv())
)
