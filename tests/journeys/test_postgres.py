"""`switchover up` on PostgreSQL, which goes away and comes back while callers are answered."""

from __future__ import annotations

from switchover.store.exchanges import count_exchanges
from switchover.testing.postgres import PASSWORD, USER
from switchover.wiring import answer, register
from switchover.wiring import store as stores
from switchover.wiring.parts import database


def test_callers_are_answered_while_the_database_is_away_and_it_has_all_of_it_afterwards(stage, helpers, postgres):
    with postgres.database("journey"):
        stage.write()
        secret = stage.folder / "store-password"
        secret.write_text(PASSWORD)
        secret.chmod(0o600)
        where = f"store: postgresql+psycopg://{USER}@{postgres.address}/journey\nstore_password: file:store-password"
        stage.edit("data: ./data", f"data: ./data\n{where}")
        stage.up()
        with database(stage.settings()) as store, stage.client(stage.key()) as caller:

            def ask():
                answer = caller.chat.completions.create(model="messages", messages=helpers.say)
                assert answer.choices[0].message.content == "claim_status"

            ask()
            stage.until(lambda: count_exchanges(store) == 1)
            postgres.stop()
            try:
                stage.until(lambda: "can't be used" in str(stage.keeper()["store"]))
                for _ in range(5):
                    ask()
                assert PASSWORD not in str(stage.keeper())
            finally:
                postgres.start()
            stage.until(lambda: count_exchanges(store) == 6)
            stage.until(lambda: stage.keeper()["store"] == "ok")
            listed, total = register.exchanges(stage.settings(), process=None, outcome="complete", limit=20)
            assert (len(listed), total) == (6, 6)
            assert [one.process.name for one in answer.report(stage.settings()).standings] == ["messages"]
            ask()
        assert stage.down() == 0
        # What was recorded last, the keeper indexed before it ended.
        found = stores.check(stage.settings(), lambda table, rows: None)
        assert (found.wrong, found.rows["exchange"]) == ((), 7)
        assert PASSWORD not in stage.log.read_text()
