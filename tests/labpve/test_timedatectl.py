"""timedatectl of a node: what the checks ask it, in systemd's form."""

from __future__ import annotations

from lab.pve.layout import NodeSettings
from lab.pve.timedatectl import properties, show

NOW = 1_795_232_539.5


def node(skew: float = 0.0) -> dict[str, str]:
    return properties(NodeSettings(name="pve01", links=("10.77.0.1",), date_skew=skew), NOW)


def test_all_properties_in_systemds_form() -> None:
    assert show(node(), [], value_only=False) == (
        "Timezone=Etc/UTC\nLocalRTC=no\nCanNTP=yes\nNTP=yes\nNTPSynchronized=yes\n"
        "TimeUSec=Sat 2026-11-21 03:42:19 UTC\nRTCTimeUSec=Sat 2026-11-21 03:42:19 UTC\n"
    )


def test_one_value_alone_and_none_for_an_unknown_name() -> None:
    assert show(node(), ["NTPSynchronized"], value_only=True) == "yes\n"
    assert show(node(), ["Nonsense"], value_only=True) == ""


def test_a_made_up_date_is_not_kept_by_anybody() -> None:
    skewed = node(3600.0)
    assert skewed["NTPSynchronized"] == "no"
    assert skewed["TimeUSec"] == "Sat 2026-11-21 04:42:19 UTC"
