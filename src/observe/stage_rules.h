/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Loads rules into the kernel, on a stage only: the text as it was read, by the programs that wrote it. */
#ifndef WEIR_OBSERVE_STAGE_RULES_H
#define WEIR_OBSERVE_STAGE_RULES_H

#include "ruleset/ruleset.h"

/* Sets first (ipset restore), then each family's rules by iptables-legacy-restore or iptables-nft-restore and
 * their IPv6 forms. flavours: FLAVOUR_UNKNOWN counts as legacy. 0, or -errno with what a program said in
 * `why`. */
int stage_load_rules(const struct ruleset *ruleset, const enum flavour flavours[FAMILY_COUNT],
		     struct buffer *why);

#endif
