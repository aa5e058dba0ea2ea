"""The bridge to jc raises where jc would return nothing, or nonsense."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from parsers import jcbridge
from parsers.errors import ParseError

TIMEDATECTL = """\
               Local time: Sat 2026-11-21 03:17:46 UTC
           Universal time: Sat 2026-11-21 03:17:46 UTC
                 RTC time: Sat 2026-11-21 03:17:46
                Time zone: Etc/UTC (UTC, +0000)
System clock synchronized: yes
              NTP service: active
          RTC in local TZ: no
"""

SS = """\
Netid State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process
udp   UNCONN 0      0         10.77.0.1:5405       0.0.0.0:*
tcp   LISTEN 0      128         0.0.0.0:22         0.0.0.0:*
"""

ZPOOL = """\
  pool: rpool
 state: DEGRADED
status: One or more devices has been taken offline by the administrator.
  scan: scrub repaired 0B in 00:00:12 with 0 errors on Sun Nov  8 00:24:13 2026
config:

\tNAME        STATE     READ WRITE CKSUM
\trpool       DEGRADED     0     0     0
\t  mirror-0  DEGRADED     0     0  1500
\t    sda3    ONLINE       0     0     0
\t    sdb3    OFFLINE      0     0     0

errors: No known data errors
"""

UPTIME = " 03:17:46 up 2 days,  4:01,  1 user,  load average: 0.10, 0.25, 0.31\n"

CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBfTCCASOgAwIBAgIUK5bqRvGz1w0e6HcIPLmyV5eXGMAwCgYIKoZIzj0EAwIw
-----END CERTIFICATE-----
"""

GOOD = {"timedatectl": TIMEDATECTL, "ss": SS, "zpool-status": ZPOOL, "uptime": UPTIME}


@pytest.mark.parametrize("parser", GOOD)
def test_a_full_answer_is_given_as_records(parser: str) -> None:
    records = jcbridge.read(parser, GOOD[parser])
    assert all(jcbridge.EXPECTED[parser].keys <= record.keys() for record in records)


def test_what_the_records_say() -> None:
    assert jcbridge.read("timedatectl", TIMEDATECTL)[0]["system_clock_synchronized"] is True
    assert [entry["local_port"] for entry in jcbridge.read("ss", SS)] == ["5405", "22"]
    assert jcbridge.read("zpool-status", ZPOOL)[0]["state"] == "DEGRADED"
    assert jcbridge.read("uptime", UPTIME)[0]["uptime_days"] == 2


@pytest.mark.parametrize("parser", sorted(jcbridge.EXPECTED))
@pytest.mark.parametrize(
    "text", ["", "\n", "sh: 1: ss: not found\n", "Failed to connect to bus: Host is down\n", "no pools available\n"]
)
def test_nothing_and_error_messages_are_refused(parser: str, text: str) -> None:
    with pytest.raises(ParseError, match="not the output of this command"):
        jcbridge.read(parser, text)


@pytest.mark.parametrize("parser", GOOD)
def test_the_output_of_a_command_that_failed_is_refused(parser: str) -> None:
    with pytest.raises(ParseError, match="the command ended with 1"):
        jcbridge.read(parser, GOOD[parser], exit_status=1)


@pytest.mark.parametrize("parser", GOOD)
def test_an_output_cut_off_after_any_line_is_refused_or_given_with_all_its_keys(parser: str) -> None:
    lines = GOOD[parser].splitlines(keepends=True)
    for kept in range(len(lines)):
        try:
            records = jcbridge.read(parser, "".join(lines[:kept]))
        except ParseError:
            continue
        assert records
        assert all(record[key] is not None for record in records for key in jcbridge.EXPECTED[parser].keys)


def test_rounded_error_counts_of_a_pool_are_refused_because_jc_takes_them_for_exact() -> None:
    with pytest.raises(ParseError, match="zpool status -p") as refusal:
        jcbridge.read("zpool-status", ZPOOL.replace(" 1500", "1.50K"))
    assert refusal.value.line == 9


def test_what_makes_jc_stumble_is_a_parse_error() -> None:
    with pytest.raises(ParseError, match="jc does not understand it"):
        jcbridge.read("x509-cert", CERTIFICATE)


def test_a_parser_without_checks_cannot_be_used() -> None:
    with pytest.raises(KeyError):
        jcbridge.read("df", "Filesystem 1K-blocks Used Available Use% Mounted on\n")


def test_jc_is_not_imported_before_it_is_needed() -> None:
    script = "import sys, parsers.jcbridge; print('jc' in sys.modules)"
    root = Path(jcbridge.__file__).parents[1]
    shown = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "False"


def test_a_certificate_is_read() -> None:
    record = jcbridge.read("x509-cert", certificate())[0]
    assert record["tbs_certificate"]["subject"]["common_name"] == "pve01.example"
    assert record["tbs_certificate"]["validity"]["not_after"] == 1893456000


def certificate() -> str:
    """Return a certificate of pve01.example that ends with the year 2029, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "pve01.example")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(4711)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2030, 1, 1, tzinfo=UTC))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()
