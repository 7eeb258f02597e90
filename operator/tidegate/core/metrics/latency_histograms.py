"""Durations as counts: the requests of a histogram that are not slower than a bound, and all of them."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from tidegate.api.rollout.metric_kinds.ratio import Ratio
from tidegate.api.rollout.metrics import Metric

_SELECTOR: Final = re.compile(r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{(.*)\}\s*)?", re.DOTALL)


def classic(ratio: Ratio) -> dict[str, str]:
    """The two counters of a classic histogram: `fast` (one bucket's) and `total`.

    The bucket's label is matched as a number: clients write `1`, `1.0` and `1.00`.
    """
    selector = ratio.histogram or ""
    bucket = suffixed(selector, "_bucket", f'le=~"{_as_label(ratio.bound)}"')
    return {"fast": bucket, "total": suffixed(selector, "_count")}


def native(ratio: Ratio, selected: str, by: str) -> dict[str, str]:
    """The same of a native histogram, counted by the source itself.

    Args:
        ratio: with `native`.
        selected: the histogram's range selector.
        by: the grouping, such as ` by (segment)`; empty for none.
    """
    whole = f"sum{by} (increase({selected}))"
    count = f"histogram_count({whole})"
    return {"fast": f"histogram_fraction(-Inf, {ratio.bound:g}, {whole}) * {count}", "total": count}


def no_bucket(metric: Metric) -> str:
    """What is said when requests were counted and the bucket of the bound was not."""
    given = metric.ratio.slower_than if metric.ratio is not None else ""
    return f"{metric.name}: there is no bucket for {given}: 'slowerThan' must be the bound of a bucket"


def suffixed(selector: str, suffix: str, matcher: str = "") -> str:
    """A selector of another counter of the same histogram, such as that of `_count`, maybe with one matcher more."""
    found = _SELECTOR.fullmatch(selector)
    name, inside = (found[1], (found[2] or "").strip().rstrip(",")) if found is not None else ("", "")
    matchers = ",".join(one for one in (inside, matcher) if one)
    return f"{name}{suffix}" + (f"{{{matchers}}}" if matchers else "")


def _as_label(number: float) -> str:
    """A regex of every way to write a number: `1`, `1.0` and `1.00` are one, `1000000` and `1e+06` another."""
    exact = Decimal(repr(number)).normalize()
    plain, exponent = _digits(exact), exact.adjusted()
    if -4 <= exponent < 6:
        return plain
    # Go writes these with an exponent, and so does Prometheus, whatever was scraped.
    sign = "-" if exponent < 0 else "[+]?"
    return f"{plain}|{_digits(exact.scaleb(-exponent))}[eE]{sign}0*{abs(exponent)}"


def _digits(exact: Decimal) -> str:
    """A regex of a number without an exponent. Backslashes are doubled for PromQL."""
    whole, _, part = f"{exact:f}".partition(".")
    return f"{whole}\\\\.{part}0*" if part else f"{whole}(\\\\.0*)?"
