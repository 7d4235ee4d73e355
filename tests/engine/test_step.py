"""A step's name, and the hashes of what it reads."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backport.engine.step import StepId, hash_tree


def test_a_step_is_named_by_its_kind_series_source_test_and_variant() -> None:
    names = {
        "fetch/alpha": StepId("fetch", source="alpha"),
        "dependencies": StepId("dependencies"),
        "base/xenial": StepId("base", "xenial"),
        "build/xenial/alpha+plain": StepId("build", "xenial", "alpha", "plain"),
        "check/xenial/lifecycle": StepId("check", "xenial", test="lifecycle"),
        "test/xenial/alpha.race-control+plain": StepId(
            "test", "xenial", "alpha", "plain", "race-control"
        ),
    }
    assert {name: str(step) for name, step in names.items()} == {name: name for name in names}


@settings(max_examples=40)
@given(
    st.dictionaries(st.sampled_from(["a", "b", "c/d", "c/e"]), st.binary(max_size=4)),
    st.dictionaries(st.sampled_from(["a", "b", "c/d", "c/e"]), st.binary(max_size=4)),
)
def test_two_folders_have_one_hash_exactly_when_their_files_are_the_same(
    tmp_path_factory: pytest.TempPathFactory, left: dict[str, bytes], right: dict[str, bytes]
) -> None:
    root = tmp_path_factory.mktemp("trees")
    hashes = []
    for name, files in (("left", left), ("right", right)):
        for path, content in files.items():
            (root / name / path).parent.mkdir(parents=True, exist_ok=True)
            (root / name / path).write_bytes(content)
        hashes.append(hash_tree(root / name))
    assert (hashes[0] == hashes[1]) == (left == right)
