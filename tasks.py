"""``inv`` on a node: the same tasks with that node's view; on a workstation the developers' chores and the lab."""
