"""Points in time as systemd's tools write them."""

from __future__ import annotations

import calendar
import time

from .unitfiles import timespan


def parse_instant(text: str, now: float) -> float:
    """A systemd time: `@EPOCH`, `-20s`, `2min ago`, `now`, `today`, `yesterday`, `YYYY-MM-DD HH:MM:SS`, `HH:MM`.

    Raises:
        ValueError: none of these.
    """
    text = text.strip()
    if text.startswith("@"):
        return float(text[1:])
    if text == "now":
        return now
    if text.startswith(("-", "+")):
        span = timespan(text[1:])
        return now - span if text[0] == "-" else now + span
    if text.endswith(" ago"):
        return now - timespan(text[:-4])
    utc = text.endswith((" UTC", "Z"))
    text = text.removesuffix(" UTC").removesuffix("Z").replace("T", " ")
    today = time.strftime("%Y-%m-%d", time.gmtime(now) if utc else time.localtime(now))
    if text in ("today", "yesterday"):
        midnight = time.mktime(time.strptime(today, "%Y-%m-%d"))
        return midnight if text == "today" else midnight - 86400.0
    whole, _, fraction = text.partition(".")
    for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%H:%M:%S", "%H:%M"):
        try:
            if "%Y" in form:
                parsed = time.strptime(whole, form)
            else:
                parsed = time.strptime(f"{today} {whole}", f"%Y-%m-%d {form}")
        except ValueError:
            continue
        return (calendar.timegm(parsed) if utc else time.mktime(parsed)) + float(f"0.{fraction or 0}")
    raise ValueError(f"Failed to parse timestamp: {text}")
