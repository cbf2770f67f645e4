/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WEIR_COMMAND_LIVE_H
#define WEIR_COMMAND_LIVE_H

#include "read/load.h"

/* The rules of this network namespace: those of iptables, and weir's own tables in nftables. A warning names
 * tables of others, which are not looked at. `apart`: see load.h. 0, -EINVAL with diagnostics, another
 * -errno. */
int live_load(struct diagnostics *sink, bool apart, struct live_rules *rules);

#endif
