"""Ways into onetag: files of labels that people have already, one format a file."""

from annotator.exchange.importing.entry import Entry, ImportFormat, Reading, ReadOptions
from annotator.exchange.importing.importer import NewLabels, import_labels, labels_of
from annotator.exchange.importing.registry import IMPORTS, choose_import_format
from annotator.exchange.importing.report import ImportReport
from annotator.exchange.importing.target import Target, folder_target, project_target
from annotator.exchange.importing.writer import LabelFile

__all__ = [
    "IMPORTS",
    "Entry",
    "ImportFormat",
    "ImportReport",
    "LabelFile",
    "NewLabels",
    "ReadOptions",
    "Reading",
    "Target",
    "choose_import_format",
    "folder_target",
    "import_labels",
    "labels_of",
    "project_target",
]
