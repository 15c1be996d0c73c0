"""The promise of every split, as an assertion."""


def assert_windows_cover(text: str, windows: list[str]) -> None:
    """Each window begins inside or right after what the ones before it cover, from the first character to the last.

    (Where a text repeats itself a window may stand in several places; it is given the last of them that touches.)
    """
    assert text.startswith(windows[0])
    covered = len(windows[0])
    for window in windows[1:]:
        place = text.rfind(window, 0, covered + len(window))
        assert 0 <= place <= covered
        covered = max(covered, place + len(window))
    assert covered == len(text)
    assert text.endswith(windows[-1])
