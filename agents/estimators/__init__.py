"""Designing as estimators of scikit-learn."""
