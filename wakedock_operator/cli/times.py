"""Times as people read them."""

from datetime import UTC, datetime


def span(seconds: float) -> str:
    """`850 ms`, `3.2 s`, `45 s`, `12m`, `3h 5m`, `2d 4h`."""
    if seconds < 1:
        return f"{max(0, round(seconds * 1000))} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes}m"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}h {minutes}m" if minutes else f"{hours}h"
    days, hours = divmod(hours, 24)
    return f"{days}d {hours}h" if hours else f"{days}d"


def moment(text: str) -> datetime:
    """A time of the API."""
    return datetime.fromisoformat(text)


def clock(text: str, now: datetime | None = None) -> str:
    """The local time of day; with the date when that is another day."""
    local = moment(text).astimezone()
    today = (now or datetime.now(UTC)).astimezone().date()
    return f"{local:%H:%M:%S}" if local.date() == today else f"{local:%Y-%m-%d %H:%M:%S}"


def age(text: str | None, now: datetime | None = None) -> str:
    """How long ago, without "ago"; `-` for never."""
    return "-" if text is None else span(((now or datetime.now(UTC)) - moment(text)).total_seconds())
