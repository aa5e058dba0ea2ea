"""The fallback: what puts an old corosync.conf back on a node by itself, unless it is cancelled in time.

It stands on every node before a change and survives a reboot. On firing it looks first. Where the cluster is cut there
is no quorum and /etc/pve is read-only: so the old content, with a version above the change's, goes into the node's own
file, and is written back to /etc/pve once that takes writes. All nodes have the same bytes: whoever comes first, the
others find them there already.
"""

from __future__ import annotations

from collections.abc import Sequence

from pvefleet.model.fallback_facts import FOLDER, UNIT, UNITS
from pvefleet.model.procedure import Command
from pvefleet.model.totem import ConfEdit

_PARTS = "@@ pvefleet: the content that comes back @@"
_STAGE_SECONDS = 20.0
_ARM_SECONDS = 30.0

LOCK = f"""\
lock=/etc/pve/priv/lock/file-corosync_conf
mine={FOLDER.rpartition("/")[0]}/file-corosync_conf
release() {{
  # Nobody's but ours: by the moment at which it was made. In a cluster that was just cut it cannot be given up yet.
  if [ -s "$mine" ] && [ "$(timeout 5 stat -c %Y "$lock" 2>/dev/null)" = "$(cat "$mine")" ]; then
    timeout 5 rmdir "$lock" 2>/dev/null || return 0
  fi
  rm -f "$mine"
}}
"""
"""Shell text that gives Proxmox VE's own lock on corosync.conf up where it is ours."""

_FIRE = rf"""#!/bin/sh
# Puts the old corosync.conf back where a change has cut this cluster. It looks first.
set -u
export LC_ALL=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
dir={FOLDER} own=/etc/corosync/corosync.conf record=/etc/pve/corosync.conf
[ -r "$dir/deadline" ] || exit 0
exec 9>>"$dir/busy"
flock -n 9 || exit 0
left=$(($(cat "$dir/deadline") - $(date +%s)))
[ "$left" -le 2 ] || exit 0
[ "$left" -le 0 ] || sleep "$left"
while read -r key value; do
  case $key in version) new=$value ;; ids) ids=$value ;; links) links=$value ;; esac
done <"$dir/plan"
back=$((new + 1))
say() {{ logger -t pvefleet -- "fallback: $1"; }}
{LOCK}over() {{
  say "$1"
  release
  systemctl disable {UNIT}.timer {UNIT}.service >/dev/null 2>&1
  rm -f {UNITS}/{UNIT}.timer {UNITS}/{UNIT}.service
  rm -rf "$dir"
  systemctl daemon-reload
  systemctl --no-block stop {UNIT}.timer
  exit 0
}}
version_in() {{
  timeout 5 sed -n 's/^[[:space:]]*config_version:[[:space:]]*\([0-9][0-9]*\).*/\1/p' "$1" 2>/dev/null | head -n 1
}}
quorate() {{ timeout 5 corosync-quorumtool -s 2>/dev/null | grep -q '^Quorate:[[:space:]]*Yes'; }}
writable() {{ [ "$(timeout 5 stat -c %A /etc/pve/local 2>/dev/null)" = lrwxr-xr-x ]; }}
together() {{
  # together VERSION: is everyone who was there a member, and does everyone run it?
  quorate || return 1
  map=$(timeout 5 corosync-cmapctl runtime.members. 2>/dev/null) || return 1
  for id in $ids; do
    printf '%s\n' "$map" | grep -q "^runtime\.members\.$id\.status (str) = joined" || return 1
    printf '%s\n' "$map" | grep -q "^runtime\.members\.$id\.config_version (u64) = $1\$" || return 1
  done
}}
linked() {{ [ "$(timeout 5 corosync-cfgtool -s 2>/dev/null | grep -c ':[[:space:]]*connected$')" -eq "$links" ]; }}
write_back() {{
  [ "$(version_in "$record")" -lt "$back" ] 2>/dev/null || return 0
  timeout 5 cp "$dir/revert" "$record.new.$(uname -n)" && timeout 30 mv -T "$record.new.$(uname -n)" "$record"
}}
# A node that has just started, or comes late because it was off, needs a while to find the others.
tries=5
read -r up _ </proc/uptime
if [ "${{up%%.*}}" -lt 180 ] || [ "$left" -lt -10 ]; then tries=40; fi
while :; do
  now=$(version_in "$own")
  now=${{now:-0}}
  [ "$now" -le "$back" ] || over "a newer configuration is in place: version $now"
  if [ "$now" -ge "$new" ]; then
    together "$now" && {{ [ "$now" -eq "$back" ] || linked; }} && [ "$(version_in "$record")" = "$now" ] &&
      over "the cluster is whole on version $now: nothing to do"
  else
    together "$now" && over "nothing was changed: version $now"
  fi
  tries=$((tries - 1))
  [ "$tries" -gt 0 ] || break
  sleep 1
done
say "the cluster is not whole: the old configuration comes back as version $back"
if ! {{ writable && write_back; }} || ! cmp -s "$dir/revert" "$own"; then
  if ! cmp -s "$dir/revert" "$own"; then
    (umask 022; cp "$dir/revert" "$own.pvefleet") && sync "$own.pvefleet" && mv -T "$own.pvefleet" "$own"
  fi
  timeout 20 corosync-cfgtool -R >/dev/null 2>&1 || say "corosync does not reload"
fi
tries=15
until quorate; do
  tries=$((tries - 1))
  if [ "$tries" -le 0 ]; then
    say "no quorum after the reload: corosync is restarted"
    systemctl reset-failed corosync 2>/dev/null
    timeout 60 systemctl restart corosync
    break
  fi
  sleep 1
done
tries=600
until writable && write_back; do
  tries=$((tries - 1))
  [ "$tries" -gt 0 ] || {{ say "still no quorum: this node needs hands"; exit 1; }}
  sleep 1
done
[ "$(corosync-cmapctl -g totem.config_version 2>/dev/null | sed 's/.*= //')" = "$back" ] ||
  timeout 20 corosync-cfgtool -R >/dev/null 2>&1
over "the old configuration is back as version $back"
"""

_STAGE = f"""\
set -eu
umask 077
new={FOLDER}.new
rm -rf "$new"
mkdir -p "$new"
cat >"$new/both"
sed '/^{_PARTS}$/,$d' "$new/both" >"$new/new"
sed '1,/^{_PARTS}$/d' "$new/both" >"$new/revert"
rm "$new/both"
printf 'version %s\\nids %s\\nlinks %s\\n' "$1" "$2" "$3" >"$new/plan"
cat >"$new/script" <<'end of the script'
{_FIRE}end of the script
if corosync -t -c "$new/new" >"$new/said" 2>&1; then echo ok >"$new/test"; else mv "$new/said" "$new/test"; fi
[ -s "$new/test" ] || echo refused >"$new/test"
rm -f "$new/said"
sync "$new"/* "$new"
rm -rf {FOLDER}
mv -T "$new" {FOLDER}
sync {FOLDER.rpartition("/")[0]}
"""

_ARM = f"""\
set -eu
umask 022
[ -r {FOLDER}/script ]
systemctl stop {UNIT}.timer 2>/dev/null || true
deadline=$(($(date +%s) + $1))
cat >{UNITS}/{UNIT}.service <<'end of the unit'
[Unit]
Description=Put the old corosync.conf back where a change has cut this cluster
After=corosync.service pve-cluster.service

[Service]
ExecStart=/bin/sh {FOLDER}/script

[Install]
WantedBy=multi-user.target
end of the unit
cat >{UNITS}/{UNIT}.timer <<END
[Unit]
Description=Put the old corosync.conf back unless this is cancelled

[Timer]
OnCalendar=@$deadline
AccuracySec=100ms

[Install]
WantedBy=timers.target
END
echo "$deadline" >{FOLDER}/deadline
sync {UNITS}/{UNIT}.service {UNITS}/{UNIT}.timer {FOLDER}/deadline {UNITS} {FOLDER}
systemctl daemon-reload
systemctl -q enable {UNIT}.timer {UNIT}.service
systemctl start {UNIT}.timer
"""

_CANCEL = f"""\
set -u
if [ -d {FOLDER} ]; then
  exec 9>>{FOLDER}/busy
  flock -n 9 || {{ echo "the fallback is at work"; exit 1; }}
fi
if [ -e {UNITS}/{UNIT}.timer ] || [ -e {UNITS}/{UNIT}.service ]; then
  systemctl -q disable {UNIT}.timer {UNIT}.service
  systemctl stop {UNIT}.timer {UNIT}.service
  rm -f {UNITS}/{UNIT}.timer {UNITS}/{UNIT}.service
  systemctl daemon-reload
fi
{LOCK}release
# What a killed edit has left half-way; the record itself is only ever renamed to.
if [ -e {FOLDER}/new ] && timeout 5 cmp -s {FOLDER}/new /etc/pve/corosync.conf.new; then
  timeout 5 rm -f /etc/pve/corosync.conf.new
fi
rm -rf {FOLDER} {FOLDER}.new
sync {FOLDER.rpartition("/")[0]}
"""


def stage(node: str, edit: ConfEdit, ids: Sequence[int], links: int) -> Command:
    """Return the command that puts both contents and the script on a node, and has corosync judge the new one.

    Args:
        node: where.
        edit: the change.
        ids: corosync's ids of all that are there.
        links: how many connections each of them has to the others when the change has worked.
    """
    both = f"{edit.text}{_PARTS}\n{edit.revert}".encode()
    arguments = (str(edit.version), " ".join(map(str, ids)), str(links))
    note = f"stage version {edit.version} and the content that comes back; corosync -t"
    return Command(node, ("/bin/sh", "-c", _STAGE, "pvefleet-stage", *arguments), _STAGE_SECONDS, both, note)


def arm(node: str, seconds: int) -> Command:
    """Return the command that sets the fallback: it fires after so many seconds, also after a reboot."""
    note = f"{UNIT}.timer: look, and put the old corosync.conf back, in {seconds} s"
    return Command(node, ("/bin/sh", "-c", _ARM, "pvefleet-arm", str(seconds)), _ARM_SECONDS, note=note)


def cancel(node: str) -> Command:
    """Return the command that takes the fallback away, unless it is at work."""
    return Command(node, ("/bin/sh", "-c", _CANCEL, "pvefleet-cancel"), _ARM_SECONDS, note=f"remove {UNIT}")
