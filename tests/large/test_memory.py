import pytest

from gcond.graph.large.memory import in_bytes, resident, shown


@pytest.mark.parametrize(
    ("given", "found"),
    [("4GB", 4 * 10**9), ("1.5 gb", 15 * 10**8), ("512MiB", 2**29), (1000, 1000), ("7", 7)],
)
def test_a_budget_is_bytes_or_a_text_with_a_unit(given, found):
    assert in_bytes(given) == found


def test_no_budget_is_half_of_the_machine():
    assert in_bytes(None) > 2**27


@pytest.mark.parametrize("given", ["4 apples", "", 0, -1, True, "GB", 1.5])
def test_others_are_refused_with_an_example(given):
    with pytest.raises(ValueError, match="such as '4GB'"):
        in_bytes(given)


def test_the_process_has_some_memory():
    assert resident() > 2**20
    assert shown(1500) == "1.50 kB"
    assert shown(12) == "12 B"
