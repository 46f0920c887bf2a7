"""The tree against the words of RFC 6962, and against vectors that other logs publish."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.evidence import merkle, verify
from switchover.evidence.merkle import leaf_hash

# Inputs and roots of certificate-transparency's own tests of its Merkle tree.
LEAVES = [bytes.fromhex(one) for one in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657",
                                         "606162636465666768696a6b6c6d6e6f")]  # fmt: skip
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
entries = st.lists(st.binary(max_size=6), min_size=1, max_size=70)


def mth(leaves: list[bytes]) -> bytes:
    """Section 2.1, word for word."""
    if not leaves:
        return sha256().digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


@pytest.mark.parametrize("size", range(9))
def test_the_root_is_the_one_that_other_logs_publish(size: int) -> None:
    assert merkle.root([leaf_hash(leaf) for leaf in LEAVES[:size]]).hex() == ROOTS[size]
    assert mth(LEAVES[:size]).hex() == ROOTS[size]


@given(entries)
def test_both_ways_to_work_out_a_root_are_the_definition(leaves: list[bytes]) -> None:
    hashes = [leaf_hash(leaf) for leaf in leaves]
    assert merkle.root(hashes) == mth(leaves)
    tree = verify.Tree()
    for one in hashes:
        tree.add(one)
    assert tree.root() == mth(leaves)


@given(entries, st.data())
def test_an_inclusion_proof_holds_for_its_leaf_and_for_nothing_else(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    hashes, root = [leaf_hash(leaf) for leaf in leaves], mth(leaves)
    proof = merkle.inclusion(index, hashes)
    assert merkle.included(hashes[index], index, len(leaves), proof, root)
    assert not merkle.included(leaf_hash(leaves[index] + b"x"), index, len(leaves), proof, root)
    assert not merkle.included(hashes[index], index, len(leaves), [*proof, root], root)
    assert not merkle.included(hashes[index], len(leaves), len(leaves), proof, root)
    if proof:
        assert not merkle.included(hashes[index], index, len(leaves), proof[:-1], root)
        assert not merkle.included(hashes[index], index, len(leaves), [*proof[:-1], sha256(proof[-1]).digest()], root)


@given(entries, st.data())
def test_a_consistency_proof_holds_for_a_beginning_and_for_nothing_else(
    leaves: list[bytes], data: st.DataObject
) -> None:
    size = data.draw(st.integers(1, len(leaves)))
    proof = merkle.consistency(size, [leaf_hash(leaf) for leaf in leaves])
    old, new = mth(leaves[:size]), mth(leaves)
    assert merkle.consistent(size, old, len(leaves), new, proof)
    forked = mth([*leaves[: size - 1], leaves[size - 1] + b"x"])
    assert not merkle.consistent(size, forked, len(leaves), new, proof)
    assert not merkle.consistent(size, old, len(leaves), forked, proof)
    if size < len(leaves):
        assert not merkle.consistent(size, old, len(leaves), new, proof[:-1])
        assert not merkle.consistent(size, old, len(leaves), new, [*proof, new])


def test_a_proof_of_nothing_there_is_refused() -> None:
    with pytest.raises(IndexError):
        merkle.inclusion(1, [b"x" * 32])
    with pytest.raises(IndexError):
        merkle.consistency(0, [b"x" * 32])
    assert not merkle.consistent(0, merkle.EMPTY, 3, b"x" * 32, [])
