/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The meaning of matches on what the diagram has no fields for (TTL, marks, time, chance ...): a predicate of
 * its own, named by the match's text as iptables-save prints it. */
#ifndef WEIR_EXTENSION_UNSEEN_H
#define WEIR_EXTENSION_UNSEEN_H

#include "extension/option.h"

struct unseen {
	/* OPAQUE_PACKET where nothing on the way can change the answer, OPAQUE_TABLE where NAT, marks, TTL or
	 * a socket make it another one behind another table, OPAQUE_RULE where two evaluations may differ
	 * although nothing was changed between (chance, time, counters). */
	enum opaque_sharing sharing;
	/* "! --option" is true exactly where "--option" is not, when it is the only option. Of many matches
	 * both are false where the header or the device they look at is not there. */
	bool exact;
};

/* match_type.declare and mean of types that have `unseen`. */
int unseen_declare(const struct match *match, const struct rule *rule, struct fields *fields);
diagram_node unseen_mean(const struct match *match, const struct rule *rule, const struct fields *fields);

/* match_type.evaluate of what hangs on sockets, routes and other things of the host that are never known. */
enum truth unseen_evaluate(const struct match *match, const struct rule *rule, const struct packet *packet,
			   struct evaluation *evaluation);

/* The same of any text. */
int unseen_declare_text(const struct match *match, const struct rule *rule, struct fields *fields,
			struct text text, struct unseen unseen);
diagram_node unseen_mean_text(const struct match *match, const struct rule *rule, const struct fields *fields,
			      struct text text, struct unseen unseen);

#endif
