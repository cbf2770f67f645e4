/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the layers above ask about matches, besides the functions in their types. */
#ifndef WEIR_EXTENSION_EXTENSION_H
#define WEIR_EXTENSION_EXTENSION_H

#include "extension/fields.h"
#include "ruleset/extension_type.h"

/* Whether evaluating it may look at the packet's connection: its state, mark, helper, counters ... */
bool match_reads_state(const struct match *match);
/* Whether running it may do something that hangs on the packet's connection. False for every target that is
 * modelled, and for those of Debian's iptables that only look at the packet and their options. */
bool target_reads_state(const struct target *target);
/* -m comment: matches always. */
bool match_is_comment(const struct match *match);
/* tcp or udp that says nothing but one port: `--dport 80`, not inverted, not a range. */
bool match_single_port(const struct match *match, bool *source, uint16_t *port);
/* A plain `--match-set`, not inverted: what the set says, as declared in `fields`. false for every other
 * match. */
bool match_set_meaning(const struct match *match, const struct fields *fields, struct set_meaning *meaning);

#endif
