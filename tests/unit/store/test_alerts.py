"""Alerts in the store: each raised once by whoever comes first, each delivery taken by one."""

from __future__ import annotations

import threading

from switchover.domain.alert import Alert, AlertKind
from switchover.store import Store
from switchover.store.alerts import KEPT_S, alerts_of, newest_alerts, not_delivered, raise_alert, take_delivery

AT = 1_780_000_000.0


def alert(name: str, percent: int = 50, amount: int = 100, at: float = AT, **changes: object) -> Alert:
    given = {"kind": AlertKind.REACHED, "about": "process:p", "period": "2026-11"} | changes
    return Alert(id=name, at=at, said=f"{percent} %; more", percent=percent, amount=amount, **given)  # type: ignore[arg-type]  # as they come


def test_of_many_who_raise_an_alert_at_once_one_does(blank):
    raised, taken = [], []
    begin = threading.Barrier(4)

    def work(number: int) -> None:
        with Store.open(blank, busy_seconds=60) as store:
            begin.wait(60)
            for mark in (50, 80):
                raised.append(raise_alert(store, alert(f"{mark}-{number}", mark), ["webhook:a"]))
            begin.wait(60)
            while one := take_delivery(store, "webhook:a", f"k{number}", AT + 1, 60):
                taken.append(one[0].id)

    Store.open(blank).close()
    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    # The lower mark may have come after the higher one of somebody else, and is no news then.
    assert 1 <= raised.count(True) <= 2
    assert len(taken) == len(set(taken)) == raised.count(True)
    with Store.open(blank) as store:
        assert len(newest_alerts(store, 9)) == raised.count(True)
        # Whoever took it lost it to nobody until it is over, and got no further with another's.
        assert take_delivery(store, "webhook:a", "late", AT + 60, 60) is None
        not_delivered(store, taken[0], "webhook:a", "nobody", "no", again_at=AT, at=AT)
        assert take_delivery(store, "webhook:a", "late", AT + 60, 60) is None
        found = take_delivery(store, "webhook:a", "late", AT + 61, 60)
        assert found is not None
        assert found[1] == 0


def test_what_is_another_thing_is_raised_too_and_what_is_old_goes(blank):
    with Store.open(blank) as store:
        assert raise_alert(store, alert("a", 95), ["log"])
        assert not raise_alert(store, alert("b", 80), [])
        assert raise_alert(store, alert("c", 80, amount=200), [])
        assert raise_alert(store, alert("d", 80, period="2026-12"), [])
        assert raise_alert(store, alert("e", 80, about="process:q"), [])
        assert raise_alert(store, alert("f", 0, kind=AlertKind.WILL_NOT_LAST), [])
        assert [one.id for one, _ in alerts_of(store, ["2026-12"])] == ["d"]
        assert raise_alert(store, alert("g", 80, at=AT + KEPT_S + 1, period="2028-01"), [])
        assert [one.id for one, _ in newest_alerts(store, 9)] == ["g"]
        assert take_delivery(store, "log", "k", AT + KEPT_S + 2, 1) is None
