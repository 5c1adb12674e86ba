from hypothesis import given
from hypothesis import strategies as st

from headstart.data.units import linked_units

rows = st.lists(
    st.tuples(st.sampled_from("abcdefgh"), st.sampled_from([None, "1", "2", "3"])), max_size=30
)


def test_without_groups_or_copies_every_image_is_a_unit() -> None:
    assert linked_units(["c", "a", "b"], [None, None, None]).tolist() == [2, 0, 1]


def test_links_reach_across_groups_and_copies() -> None:
    # 0 and 1 are copies, 1 and 2 one group, 2 and 3 copies.
    assert len(set(linked_units(list("aabb"), [None, "x", "x", None]).tolist())) == 1


def test_nothing_is_no_units() -> None:
    assert linked_units([], []).tolist() == []


@given(rows)
def test_units_are_exactly_what_is_linked(rows: list[tuple[str, str | None]]) -> None:
    units = linked_units([d for d, _ in rows], [g for _, g in rows]).tolist()
    expected = list(range(len(rows)))
    for _ in rows:
        for i, (digest, group) in enumerate(rows):
            for j, (other, its) in enumerate(rows):
                if digest == other or (group is not None and group == its):
                    expected[i] = expected[j] = min(expected[i], expected[j])
    pairs = set(zip(units, expected, strict=True))
    assert len(pairs) == len(set(units)) == len(set(expected))
    assert sorted(set(units)) == list(range(len(set(units))))


@given(rows, st.randoms())
def test_numbers_do_not_depend_on_the_order(
    rows: list[tuple[str, str | None]], random: object
) -> None:
    units = linked_units([d for d, _ in rows], [g for _, g in rows]).tolist()
    order = list(range(len(rows)))
    random.shuffle(order)  # type: ignore[attr-defined]
    moved = linked_units([rows[i][0] for i in order], [rows[i][1] for i in order]).tolist()
    assert moved == [units[i] for i in order]
