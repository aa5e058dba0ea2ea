"""Stands in for ipmitool: the same command line, put to a lab's BMC, whose password it takes from its environment.

Started as ``ipmitool ... -H HOST -p PORT -U USER -E ... chassis power status|off``. Every command line is written to
the file that ``argv.log`` beside it is.
"""

from __future__ import annotations

import base64
import json
import os
import ssl
import sys
import urllib.error
import urllib.request
from pathlib import Path


def main(argv: list[str]) -> int:
    with Path(sys.argv[0]).with_name("argv.log").open("a") as log:
        log.write(json.dumps(argv) + "\n")
    options = {name: argv[argv.index(name) + 1] for name in ("-H", "-p", "-U", "-I")}
    assert options["-I"] == "lanplus"
    assert "-E" in argv
    assert argv[-3:-1] == ["chassis", "power"]
    login = base64.b64encode(f"{options['-U']}:{os.environ['IPMI_PASSWORD']}".encode()).decode()
    system = f"https://{options['-H']}:{options['-p']}/redfish/v1/Systems/1"
    try:
        if argv[-1] == "off":
            ask(f"{system}/Actions/ComputerSystem.Reset", login, b'{"ResetType": "ForceOff"}')
            print("Chassis Power Control: Down/Off")
        else:
            print(f"Chassis Power is {ask(system, login)['PowerState'].lower()}")
    except urllib.error.HTTPError:
        print("Error: Unable to establish IPMI v2 / RMCP+ session", file=sys.stderr)
        return 1
    return 0


def ask(url: str, login: str, body: bytes | None = None) -> dict[str, str]:
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), context=trusting) as answer:
        return dict(json.loads(answer.read() or b"{}"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
