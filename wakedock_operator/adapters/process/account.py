"""The user that an app runs as."""

import os
import pwd
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Account:
    """A user. `other` says that it is not the one WakeDock runs as, so that the process has to change to it."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str
    other: bool


def account(user: str | None) -> Account:
    """The user of that name or number, by default WakeDock's own. Raises LookupError when there is no such user."""
    own = os.geteuid()
    try:
        entry = pwd.getpwuid(own if user is None else int(user)) if user is None or user.isdigit() else pwd.getpwnam(user)
    except KeyError:
        number = own if user is None else int(user) if user.isdigit() else None
        if number is None:
            raise LookupError(f"the user {user!r} does not exist on this machine") from None
        # A number without an entry is a user all the same: containers often run as one.
        gid = os.getegid() if number == own else number
        return Account(name=str(number), uid=number, gid=gid, groups=(gid,), home="/", other=number != own)
    other = entry.pw_uid != own
    groups = tuple(os.getgrouplist(entry.pw_name, entry.pw_gid)) if other else ()
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid, groups=groups, home=entry.pw_dir, other=other)


def may_run_as(user: str | None) -> bool:
    """Whether WakeDock may start a process of `user`: root may, anybody else only for itself."""
    own = os.geteuid()
    if user is None or own == 0:
        return True
    try:
        return account(user).uid == own
    except LookupError:
        return False
