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
/* The sets that it looks into: of -m set its own, and of a list those in it. */
void match_each_set(const struct match *match, void (*visit)(void *context, const struct set *set),
		    void *context);
/* -m comment: matches always. */
bool match_is_comment(const struct match *match);
/* tcp or udp that says nothing but one port: `--dport 80`, not inverted, not a range. */
bool match_single_port(const struct match *match, bool *source, uint16_t *port);
/* The same of one port or a range of them: `--dport 80:90`. */
bool match_port_range(const struct match *match, bool *source, uint16_t *first, uint16_t *last);
/* tcp or udp: the ports that it may match at most; all of them where it names none, or says which not. None
 * (low > high) for `! --dport 0:65535`, which iptables-save prints as if nothing were asked. */
struct port_bounds {
	uint16_t source_low, source_high, destination_low, destination_high;
};
bool match_port_bounds(const struct match *match, struct port_bounds *bounds);
/* A plain `--match-set`, not inverted: what the set says, as declared in `fields`. false for every other
 * match. */
bool match_set_meaning(const struct match *match, const struct fields *fields, struct set_meaning *meaning);
/* What `-m set` asks of which set. false for every other match. */
struct set_question {
	const struct set *set;
	unsigned dimensions; /* as many directions as the match names */
	const bool *source;  /* of each: src */
	bool inverted;
};
bool match_set_question(const struct match *match, struct set_question *question);
/* The sets that SET adds to, deletes from and looks up: NULL without. false for every other target. */
struct set_uses {
	const struct set *added, *deleted, *looked_up;
	bool has_timeout; /* --timeout: of what is added */
	uint32_t timeout; /* its seconds; 0: stays */
};
bool target_set_uses(const struct target *target, struct set_uses *uses);
/* -m statistic: which share of the packets that it is asked about it matches. false for every other match. */
struct statistic_share {
	bool inverted;
	uint32_t every;     /* nth: this many; 0: random */
	double probability; /* not yet inverted: 1 / every of nth */
};
bool match_statistic_share(const struct match *match, struct statistic_share *share);
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
