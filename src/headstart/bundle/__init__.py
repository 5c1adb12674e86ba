"""The deployed model: one folder of three files, verified whenever it is read."""

from headstart.bundle.loading import BUNDLE_FILES, Bundle, load_bundle
from headstart.bundle.schema import (
    SCHEMA_VERSION,
    BundleInfo,
    DecisionRecord,
    FileDigest,
    Parity,
    Provenance,
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
    "RejectRecord",
    "load_bundle",
]
