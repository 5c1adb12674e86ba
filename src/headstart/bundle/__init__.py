"""The deployed model: one folder of three files, verified whenever it is read."""

from headstart.bundle.loading import BUNDLE_FILES, Bundle, load_bundle
from headstart.bundle.schema import SCHEMA_VERSION, BundleInfo, FileDigest, Parity, Provenance

__all__ = [
    "BUNDLE_FILES",
    "SCHEMA_VERSION",
    "Bundle",
    "BundleInfo",
    "FileDigest",
    "Parity",
    "Provenance",
    "load_bundle",
]
