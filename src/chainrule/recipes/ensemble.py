"""From encoded rows to a trained ensemble, by a recipe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.data import Task
from chainrule.engines.choice import Engine
from chainrule.errors import rows_numbered
from chainrule.network import Network
from chainrule.recipes.joining import best_factor, join, sharpened, without_link
from chainrule.recipes.members import Member, Part, train_members
from chainrule.recipes.recipe import Recipe
from chainrule.training import Checkpoints, History
from chainrule.training.keeping import Folder, of_member
from chainrule.training.windows import Source


@dataclass(frozen=True)
class Ensemble:
    """Trained networks, and what they are together.

    Attributes:
        network: all members as one.
        members: each on its own.
    """

    network: Network
    members: tuple[Member, ...]

    @property
    def histories(self) -> tuple[History, ...]:
        """How each member was trained."""
        return tuple(member.history for member in self.members)


def sharpen(members: Sequence[Member], X: NDArray[Any], y: NDArray[Any], weight: NDArray[Any] | None = None) -> None:
    """In classification, make the members' probabilities as sure as held-back rows say they should be together.

    Args:
        members: trained on parts of the rows; the weights of their last layers are changed.
        X: all rows, shape (rows, features).
        y: class codes, shape (rows,), or anything else, for which nothing is done.
        weight: of the rows.
    """
    held = held_back(members, X)
    seen = np.isfinite(held).all(axis=1)
    loss = members[0].network.loss_function
    if loss.name in ("cross_entropy", "binary_cross_entropy") and y.ndim == 1 and seen.any():
        factor = best_factor(held[seen], y[seen].astype(np.int64), None if weight is None else weight[seen])
        for member in members:
            sharpened(member.network, factor)


def held_back(members: Sequence[Member], X: NDArray[Any]) -> NDArray[np.float64]:
    """What the member that held a row back gives for it before the last activation, shape (rows, outputs).

    Rows from which every member learnt have NaN.
    """
    bare = without_link(members[0].network)  # one for all: it is derived once
    held = np.full((len(X), bare.outputs), np.nan)
    for member in members:
        if len(member.held):
            bare.take(member.network.arrays())
            held[member.held] = bare.predict(X[member.held])
    return held


def learn(
    recipe: Recipe,
    X: NDArray[Any],
    y: NDArray[Any],
    *,
    task: Task,
    outputs: int,
    numbers: int,
    categories: tuple[int, ...] = (),
    seed: int = 0,
    engine: Engine = "auto",
    callbacks: Sequence[Any] = (),
    watch: Callable[[Part], Sequence[Any]] = lambda part: (),
    progress: Any = None,
    checkpoints: Checkpoints | Folder | None = None,
    resume: Folder | None = None,
) -> Ensemble:
    """Train an ensemble by a recipe.

    Args:
        recipe: what to train, and how.
        X: encoded rows, shape (rows, features): numbers first, codes last; see :meth:`Recipe.layers`.
        y: class codes or numbers, shape (rows,).
        task: whether ``y`` are classes.
        outputs: of the network: 1 for a number and for two classes, else one for each class.
        numbers: how many columns of ``X`` are numbers.
        categories: how many codes each of the last columns of ``X`` has.
        seed: same seed, same bits.
        engine: as in :meth:`chainrule.Network.fit`.
        callbacks: as in :meth:`chainrule.Network.fit`; followers keep a record for each member, others see one member
            after another.
        watch: further callbacks for one member alone.
        progress: as in :meth:`chainrule.Network.fit`.
        checkpoints: as in :meth:`chainrule.Network.fit`; each member has a folder of its own in it.
        resume: the folder of checkpoints to go on from; finished members are not trained again.

    >>> import numpy as np
    >>> X = np.linspace(-2, 2, 80, dtype=np.float32)[:, None]
    >>> recipe = Recipe(hidden=(16,), epochs=30, members=2)
    >>> made = learn(recipe, X, X[:, 0] ** 2, task="regression", outputs=1, numbers=1)
    >>> len(made.members), made.network.predict(X).shape
    (2, (80, 1))
    """
    first = recipe.network(task, X.shape[1], numbers, categories, outputs, seed)

    def fit(part: Part) -> tuple[Network, History]:
        network = first.sibling(part.seed)
        watched = (X[part.held], y[part.held]) if len(part.held) else None
        how = {"engine": engine, **of_member(part.number + 1, checkpoints, resume)}
        with rows_numbered(part.rows):
            history = _fit(recipe, network, X[part.rows], y[part.rows], watched, part, watch, how)
        return network, history

    labels = y if task == "classification" else None
    members = train_members(
        fit,
        rows=len(X),
        members=recipe.members,
        seed=seed,
        labels=labels,
        engine=engine,
        callbacks=callbacks,
        progress=progress,
    )
    return _together(members, X, y)


def learn_stream(
    recipe: Recipe,
    rows: Source,
    watched: tuple[NDArray[Any], NDArray[Any]],
    *,
    task: Task,
    outputs: int,
    numbers: int,
    categories: tuple[int, ...] = (),
    seed: int = 0,
    engine: Engine = "auto",
    callbacks: Sequence[Any] = (),
    watch: Callable[[Part], Sequence[Any]] = lambda part: (),
    progress: Any = None,
    checkpoints: Checkpoints | Folder | None = None,
    resume: Folder | None = None,
) -> Ensemble:
    """Train an ensemble by a recipe on rows that need not fit into memory; all members learn from all of them.

    Args:
        recipe: what to train, and how.
        rows: to learn from.
        watched: features and targets by which all members are watched.
        task: as for :func:`learn`.
        outputs: as for :func:`learn`.
        numbers: as for :func:`learn`.
        categories: as for :func:`learn`.
        seed: as for :func:`learn`.
        engine: as for :func:`learn`.
        callbacks: as for :func:`learn`.
        watch: as for :func:`learn`.
        progress: as for :func:`learn`.
        checkpoints: as for :func:`learn`.
        resume: as for :func:`learn`.
    """
    X, y = watched
    first = recipe.network(task, X.shape[1], numbers, categories, outputs, seed)

    def fit(part: Part) -> tuple[Network, History]:
        network = first.sibling(part.seed)
        how = {"engine": engine, **of_member(part.number + 1, checkpoints, resume)}
        return network, _fit(recipe, network, rows, None, watched, part, watch, how)

    trained = train_members(
        fit,
        rows=0,
        members=recipe.members,
        seed=seed,
        hold_back=False,
        engine=engine,
        callbacks=callbacks,
        progress=progress,
    )
    members = tuple(replace(member, held=np.arange(len(X))) for member in trained)
    return _together(members, X, y)


def _together(members: tuple[Member, ...], X: NDArray[Any], y: NDArray[Any]) -> Ensemble:
    """The ensemble of trained members."""
    sharpen(members, X, y)
    return Ensemble(join([member.network for member in members]), members)


def _fit(
    recipe: Recipe,
    network: Network,
    X: NDArray[Any] | Source,
    y: NDArray[Any] | None,
    watched: tuple[NDArray[Any], NDArray[Any]] | None,
    part: Part,
    watch: Callable[[Part], Sequence[Any]],
    how: dict[str, Any],
) -> History:
    """Train one member."""
    return network.fit(
        X,
        y,
        epochs=recipe.epochs,
        batch_size=recipe.batch_rows(X.rows if isinstance(X, Source) else len(X)),
        optimizer=recipe.optimizer,
        validation=watched,
        patience=recipe.patience,
        restore_best=watched is not None,
        threads=part.threads,
        callbacks=[*watch(part), *part.callbacks],
        **how,
    )
