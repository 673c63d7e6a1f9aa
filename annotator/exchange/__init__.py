"""Ways out of onetag: one format a file, each registered here."""

from annotator.exchange.comma_separated import CSV
from annotator.exchange.export import ExportReport, export_project
from annotator.exchange.json_lines import JSONL
from annotator.exchange.parquet import PARQUET
from annotator.exchange.table import ExportFormat, ExportTable

EXPORTS: dict[str, ExportFormat] = {each.name: each for each in (CSV, JSONL, PARQUET)}

__all__ = ["EXPORTS", "ExportFormat", "ExportReport", "ExportTable", "export_project"]
