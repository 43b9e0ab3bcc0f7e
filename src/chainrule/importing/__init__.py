"""Networks from the fitted models of other libraries."""

from chainrule.importing.keras import from_keras
from chainrule.importing.pytorch import from_torch
from chainrule.importing.scikit_learn import from_sklearn

__all__ = ["from_keras", "from_sklearn", "from_torch"]
