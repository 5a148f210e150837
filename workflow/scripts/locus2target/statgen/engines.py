"""The fine-mapping engines by name."""

from locus2target.statgen.engine import FineMappingEngine
from locus2target.statgen.native import NativeSusie


def open_engine(name: str) -> FineMappingEngine:
    """Engine of this name: "native", or "susier", which needs R.

    Raises
    ------
    ValueError
        If there is none.
    """
    if name == "native":
        return NativeSusie()
    if name == "susier":
        from locus2target.statgen.susier import SusieR  # nobody else should have to have R

        return SusieR()
    raise ValueError(f"there is no fine-mapping engine {name!r}")
