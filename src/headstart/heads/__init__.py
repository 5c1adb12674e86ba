"""Classifiers on cached features: chosen by cross-validation, folded to one linear map."""
