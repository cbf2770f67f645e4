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
/* TEE: where its copies go, in network byte order. false for every other target. */
bool target_tee(const struct target *target, enum family family, uint8_t gateway[16]);
/* What CT tells conntrack about a packet that had no connection nor template before: the packet goes on, has
 * a connection from then on (NEW, for a match in raw), and no NOTRACK behind it changes that. false for every
 * other target, and for CT --notrack. */
struct ct_template {
	bool zone_by_mark;    /* the packet's mark is the zone */
	bool original, reply; /* the zone counts in that direction only; both or none: in both */
	uint16_t zone;
	struct text helper, timeout; /* names; empty without */
};
bool target_ct_template(const struct target *target, struct ct_template *template);

#endif
