"""Ways out of onetag: one format a file, each registered here."""

from annotator.exchange.coco import COCO
from annotator.exchange.comma_separated import CSV
from annotator.exchange.decisions import Values
from annotator.exchange.export import ExportChoices, ExportReport, export_project
from annotator.exchange.fiftyone import FIFTYONE
from annotator.exchange.image_folder import IMAGE_FOLDER
from annotator.exchange.json_lines import JSONL
from annotator.exchange.label_studio import LABEL_STUDIO
from annotator.exchange.paper import PAPER
from annotator.exchange.parquet import PARQUET
from annotator.exchange.splits import Split
from annotator.exchange.table import ExportFormat, ExportTable
from annotator.exchange.webdataset import WEBDATASET

EXPORTS: dict[str, ExportFormat] = {
    each.name: each
    for each in (CSV, JSONL, PARQUET, COCO, IMAGE_FOLDER, FIFTYONE, LABEL_STUDIO, WEBDATASET, PAPER)
}

__all__ = [
    "EXPORTS",
    "ExportChoices",
    "ExportFormat",
    "ExportReport",
    "ExportTable",
    "Split",
    "Values",
    "export_project",
]
