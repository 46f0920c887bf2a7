"""The parts that every command needs: the store, the clock, an upstream with its key."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from switchover.clock import SystemClock
from switchover.config import resolve
from switchover.domain.ports import Upstream
from switchover.domain.process import Settings, UpstreamSpec
from switchover.domain.secret import Secret
from switchover.egress import Client, Proxy, trusting
from switchover.errors import ConfigError, StoreUnavailable
from switchover.privacy.keyring import FOLDER, KeyRing
from switchover.privacy.master import GivenMaster, Master, OwnMaster
from switchover.privacy.sealing import Sealer
from switchover.store import artefacts
from switchover.upstreams import UPSTREAMS
from switchover.upstreams import weights as weight_files
from switchover.upstreams.local import OwnUpstream

if TYPE_CHECKING:
    from switchover.store import Store

CLOCK = SystemClock()


def open_store(settings: Settings) -> Store:
    """The store, at its newest schema; the data folder is made when a command comes before the first ``up``."""
    try:
        Path(settings.data_dir).mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as cause:
        raise unwritable(settings.data_dir, cause) from cause
    return database(settings)


def database(settings: Settings) -> Store:
    """The store at the address that the configuration gives, its user's password read at each new connection."""
    from switchover.store import Store  # a worker opens none, and is spared SQLAlchemy

    reference = settings.database_password
    password = (lambda: _password(settings, reference)) if reference else None
    return Store.open(settings.database, password=password, sealer=Sealer(ring_of(settings)))


def _password(settings: Settings, reference: str) -> str:
    try:
        return read_key(settings, reference).reveal()
    except ConfigError as cause:
        raise StoreUnavailable(
            f"the password of the store's user is not to be had: {cause.got} at {reference}", mend=cause.want
        ) from cause


def has_store(settings: Settings) -> bool:
    """False before the first command or ``up`` made an SQLite store; a database elsewhere is taken to be there."""
    file = settings.database.removeprefix("sqlite:///")
    return file == settings.database or Path(file).exists()


def ring_of(settings: Settings) -> KeyRing:
    """The key ring of the data folder; opened, or made, when it is first needed."""
    return KeyRing(settings.data_dir, CLOCK, master_of(settings, settings.master))


def master_of(settings: Settings, reference: str | None) -> Master:
    """Where the ring's master key comes from; None: a file of our own."""
    if reference is None:
        return OwnMaster(Path(settings.data_dir, FOLDER))
    return GivenMaster(lambda: read_key(settings, reference).reveal(), reference)


def artefact(settings: Settings, sealer: Sealer, name: str) -> bytes:
    """An artefact's bytes, opened. Raises NotFound for one that was erased."""
    return artefacts.get(settings.data_dir, name, sealer.open)


def unwritable(folder: str, cause: OSError) -> StoreUnavailable:
    """Our error for a data folder that takes no files."""
    return StoreUnavailable(
        f"{folder}: {cause.strerror}", mend="make it writable, free some space, or name another folder under data:"
    )


def outbound(settings: Settings, allow: Iterable[str] | None = None) -> Client:
    """The client for everything outbound, or to the origins in ``allow`` alone.

    Raises ConfigError when the certificate authorities can't be read any more.

    The login of a proxy is read when an upstream first needs it: those that need no proxy are served without.
    """
    egress = settings.egress
    proxy = None
    if egress.proxy is not None:
        login = egress.proxy_login
        proxy = Proxy(egress.proxy, (lambda: read_login(settings, login)) if login is not None else None)
    try:
        tls = trusting(egress.tls_ca) if egress.tls_ca is not None else None
    except (OSError, ValueError) as cause:
        raise ConfigError(at="egress.tls_ca", got=str(cause), want="a readable PEM file") from cause
    return Client(CLOCK, allow=allow, tls=tls, proxy=proxy, direct=egress.direct)


def upstream(settings: Settings, spec: UpstreamSpec, base_url: str | None, client: Client) -> Upstream:
    """The upstream of a spec, its key read now. Raises ConfigError when the key can't be read."""
    if spec.is_own:
        return OwnUpstream(spec, settings.data_dir, client)
    secret = read_key(settings, spec.key) if spec.key else None
    return UPSTREAMS[spec.kind](spec, base_url or spec.base_url or "", secret, client)


def references(settings: Settings) -> Iterator[tuple[str, str]]:
    """What each key of the configuration is for, and its reference."""
    for name, spec in settings.upstreams.items():
        if spec.key is not None:
            yield f"key of {name}", spec.key
    if settings.master is not None:
        yield "master key of the key ring", settings.master
    if settings.database_password is not None:
        yield "password of the store's user", settings.database_password
    for name, reference in settings.traces.headers.items() if settings.traces else ():
        yield f"the collector's {name}", reference
    if settings.archive is not None and settings.archive.key is not None:
        yield "key of the archive", settings.archive.key
    for name, webhook in settings.alerts.webhooks.items():
        yield f"secret of the webhook {name}", webhook.secret
        if webhook.url.startswith(("env:", "file:")):
            yield f"address of the webhook {name}", webhook.url
    for name, mail in settings.alerts.mails.items():
        if mail.login is not None:
            yield f"login of the mail server {name}", mail.login


def read_key(settings: Settings, reference: str) -> Secret:
    """The key behind an upstream's reference, read now. Raises ConfigError when it can't be."""
    return resolve(reference, str(Path(settings.source).parent), os.environ)


def read_login(settings: Settings, reference: str, at: str = "egress.proxy_login") -> Secret:
    """The ``user:password`` behind a reference, read now. Raises ConfigError when it can't be, or is none."""
    try:
        login = read_key(settings, reference)
    except ConfigError as cause:
        raise ConfigError(at=at, got=f"{cause.got} at {reference}", want=cause.want) from cause
    user, colon, _ = login.reveal().partition(":")
    if not user or not colon or not login.reveal().isprintable():
        raise ConfigError(at=at, got=f"something else at {reference}", want="user:password, in one line")
    return login


def lives(pid: int) -> bool:
    """True while there is a process of that id."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def fetch_starter(target: Path | None) -> Path:
    """Fetches the starter weights, by hash."""
    return weight_files.fetch_starter(target or next(iter(weight_files.folders(".", os.environ))))


def starter_weights() -> Path:
    """The starter weights on this machine, checked. Raises WeightsMissing."""
    return weight_files.resolve("starter", ".", os.environ)
