"""The deployed model: one folder of three files, verified whenever it is read."""

from headstart.bundle.loading import BUNDLE_FILES, Bundle, load_bundle
from headstart.bundle.schema import (
    SCHEMA_VERSION,
    BundleInfo,
    DecisionRecord,
    FileDigest,
    Parity,
    Provenance,
    QuantisedRecord,
    RejectRecord,
)

__all__ = [
    "BUNDLE_FILES",
    "SCHEMA_VERSION",
    "Bundle",
    "BundleInfo",
    "DecisionRecord",
    "FileDigest",
    "Parity",
    "Provenance",
    "QuantisedRecord",
    "RejectRecord",
    "load_bundle",
]
