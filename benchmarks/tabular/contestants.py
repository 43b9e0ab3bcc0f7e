"""Who takes part: each learns from one table and predicts for another, with its own defaults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

Task = Literal["classification", "regression"]
Predictions = NDArray[np.float64]
"""Probabilities, shape (rows, classes), the classes in sorted order; or numbers, shape (rows,)."""
Contestant = Callable[[pl.DataFrame, pl.DataFrame, str, Task, int], Predictions]


def chainrule(learn: pl.DataFrame, judge: pl.DataFrame, target: str, task: Task, seed: int) -> Predictions:
    """Chainrule's defaults."""
    import chainrule as cr

    X, y = learn.drop(target), learn[target].to_numpy()
    if task == "regression":
        return np.asarray(cr.MLPRegressor(random_state=seed).fit(X, y).predict(judge.drop(target)))
    return np.asarray(cr.MLPClassifier(random_state=seed).fit(X, y).predict_proba(judge.drop(target)))


def realmlp(learn: pl.DataFrame, judge: pl.DataFrame, target: str, task: Task, seed: int) -> Predictions:
    """RealMLP with its defaults, from pytabkit; missing numbers, which it does not take, are replaced by medians."""
    from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor

    X, given = _pandas(learn, target), _pandas(judge, target)
    numbers = X.select_dtypes("number").columns
    medians = X[numbers].median()
    X[numbers], given[numbers] = X[numbers].fillna(medians), given[numbers].fillna(medians)
    texts = [c for c in X.columns if c not in set(numbers)]
    X[texts], given[texts] = X[texts].fillna("missing"), given[texts].fillna("missing")
    y = learn[target].to_numpy()
    settings = {"random_state": seed, "device": "cpu", "verbosity": 0}
    if task == "regression":
        return np.asarray(RealMLP_TD_Regressor(**settings).fit(X, y.astype(float), cat_col_names=texts).predict(given))
    return np.asarray(RealMLP_TD_Classifier(**settings).fit(X, y, cat_col_names=texts).predict_proba(given))


def boosting(learn: pl.DataFrame, judge: pl.DataFrame, target: str, task: Task, seed: int) -> Predictions:
    """scikit-learn's HistGradientBoosting with its defaults."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    X, given = _pandas(learn, target), _pandas(judge, target)
    for name in X.select_dtypes(exclude="number").columns:
        kinds = X[name].astype("category").cat.categories[:254]  # it takes no more categories than 255
        X[name] = X[name].astype("category").cat.set_categories(kinds)
        given[name] = given[name].astype("category").cat.set_categories(kinds)
    y = learn[target].to_numpy()
    settings = {"random_state": seed, "categorical_features": "from_dtype"}
    if task == "regression":
        return np.asarray(HistGradientBoostingRegressor(**settings).fit(X, y).predict(given))
    return np.asarray(HistGradientBoostingClassifier(**settings).fit(X, y).predict_proba(given))


def scikit_learn_mlp(learn: pl.DataFrame, judge: pl.DataFrame, target: str, task: Task, seed: int) -> Predictions:
    """scikit-learn's MLP with its defaults behind the usual preprocessing; in regression the target is scaled, too."""
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.preprocessing import StandardScaler

    if task == "regression":
        model = TransformedTargetRegressor(MLPRegressor(random_state=seed), transformer=StandardScaler())
        return _piped(model, learn, judge, target, task)
    return _piped(MLPClassifier(random_state=seed), learn, judge, target, task)


def linear(learn: pl.DataFrame, judge: pl.DataFrame, target: str, task: Task, seed: int) -> Predictions:
    """Logistic regression or ridge regression, with scikit-learn's defaults."""
    from sklearn.linear_model import LogisticRegression, Ridge

    model = Ridge() if task == "regression" else LogisticRegression(max_iter=2000)
    return _piped(model, learn, judge, target, task)


CONTESTANTS: dict[str, Contestant] = {
    "chainrule": chainrule,
    "RealMLP": realmlp,
    "HistGradientBoosting": boosting,
    "scikit-learn MLP": scikit_learn_mlp,
    "linear": linear,
}


def _piped(model: Any, learn: pl.DataFrame, judge: pl.DataFrame, target: str, task: Task) -> Predictions:
    """A model behind median imputation, standardisation and one-hot encoding."""
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    X, given = _pandas(learn, target), _pandas(judge, target)
    for name in X.select_dtypes(exclude="number").columns:
        X[name], given[name] = X[name].fillna("missing"), given[name].fillna("missing")
    columns = make_column_transformer(
        (
            make_pipeline(SimpleImputer(strategy="median"), StandardScaler()),
            make_column_selector(dtype_include="number"),
        ),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), make_column_selector(dtype_exclude="number")),
    )
    piped = make_pipeline(columns, model).fit(X, learn[target].to_numpy())
    return np.asarray(piped.predict(given) if task == "regression" else piped.predict_proba(given))


def _pandas(frame: pl.DataFrame, target: str) -> Any:
    import pandas as pd

    return pd.DataFrame({c: frame[c].to_list() for c in frame.columns if c != target})
