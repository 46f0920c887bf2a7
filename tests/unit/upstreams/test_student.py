import io
import subprocess
import sys

import numpy as np
import pytest

from switchover.upstreams.embeddings import DIMENSIONS, embed, nearest
from switchover.upstreams.student import Student, train

LESSONS = [
    ("I want to cancel my car insurance from next month", "cancellation"),
    ("Please end my policy, I have sold the house", "cancellation"),
    ("Stop the contract, we are moving abroad", "cancellation"),
    ("How do I terminate my home insurance?", "cancellation"),
    ("My premium was charged twice this month", "billing"),
    ("Why is the invoice higher than last year?", "billing"),
    ("The direct debit failed, can I pay by card?", "billing"),
    ("Please refund the payment you took twice", "billing"),
]


@pytest.fixture(scope="module")
def student():
    return train([text for text, _ in LESSONS], [label for _, label in LESSONS], seed=1)


def test_a_student_knows_what_it_was_taught_and_what_is_like_it(student):
    assert [label for label, _ in student.predict([text for text, _ in LESSONS])] == [label for _, label in LESSONS]
    asked = ["I would like to cancel my policy", "The payment was charged twice"]
    assert [label for label, _ in student.predict(asked)] == ["cancellation", "billing"]


def test_probabilities_are_those_of_the_label_given(student):
    assert all(0.5 <= chance <= 1 for _, chance in student.predict(["cancel", "invoice", "", "zzz"]))


def test_the_same_lessons_give_the_same_bytes(student):
    again = train([text for text, _ in LESSONS], [label for _, label in LESSONS], seed=1)
    assert again.to_bytes() == student.to_bytes()


def test_a_student_read_back_answers_the_same(student):
    back = Student.from_bytes(student.to_bytes())
    texts = [text for text, _ in LESSONS]
    assert back.predict(texts) == student.predict(texts)
    assert back.about["pairs"] == len(LESSONS)


def test_three_labels_are_told_apart():
    lessons = [*LESSONS, ("I forgot my password", "account"), ("My login does not work", "account")]
    student = train([text for text, _ in lessons], [label for _, label in lessons], seed=1)
    assert student.predict(["the password for my login"])[0][0] == "account"


def test_one_label_is_nothing_to_learn():
    with pytest.raises(ValueError, match="two different answers"):
        train(["a", "b"], ["same", "same"], seed=1)


def _npz(**arrays):
    sink = io.BytesIO()
    np.savez(sink, **arrays)
    return sink.getvalue()


def test_pickles_and_other_files_are_no_students(student):
    harmful = _npz(about=np.array([{"a": 1}], dtype=object), coefficients=0, intercept=0, idf=0)
    for data in (b"", b"PK\x03\x04", harmful, _npz(other=np.zeros(2)), student.to_bytes()[:-40]):
        with pytest.raises(ValueError, match=r"student|pickle"):
            Student.from_bytes(data)


def test_a_student_that_would_fill_the_memory_is_not_unpacked():
    sink = io.BytesIO()
    np.savez_compressed(sink, about=np.zeros(200_000_000, dtype=np.uint8))
    with pytest.raises(ValueError, match="too big"):
        Student.from_bytes(sink.getvalue())


def test_embeddings_are_unit_vectors_that_do_not_depend_on_their_company():
    texts = ["My car was stolen", "A longer message about an invoice that was sent twice, with a reminder", ""]
    together = embed(texts)
    assert together.shape == (3, DIMENSIONS)
    assert np.linalg.norm(together[:2], axis=1) == pytest.approx([1, 1], abs=1e-5)
    assert not together[2].any()
    assert (embed(texts[:1])[0] == together[0]).all()


def test_the_nearest_text_is_the_one_about_the_same():
    among = embed(["My bicycle was stolen", "The invoice is wrong", "I forgot my password"])
    assert nearest(embed(["someone stole my bike"])[0], among, 1)[0][0] == 0


def test_loading_the_embeddings_leaves_the_root_logger_alone():
    program = (
        "import logging; from switchover.upstreams.embeddings import embed; embed(['a']); "
        "assert not logging.getLogger().handlers and logging.getLogger().level == logging.WARNING"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
