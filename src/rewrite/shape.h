/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Which part of a rule may become a member of a set, and of what set. Inside rewrite/. */
#ifndef WEIR_REWRITE_SHAPE_H
#define WEIR_REWRITE_SHAPE_H

#include "rewrite/plan.h"
#include "ruleset/set.h"

enum shape_address { SHAPE_NONE, SHAPE_SOURCE, SHAPE_DESTINATION };
enum shape_port { SHAPE_NO_PORT, SHAPE_SOURCE_PORT, SHAPE_DESTINATION_PORT };

struct shape {
	enum set_type type;
	const char *directions; /* of --match-set */
	enum shape_address first, second;
	bool nets; /* prefixes; else single addresses */
	enum shape_port port;
	const char *name; /* of its sets: weir-v4-NAME-1 */
	bool second_nets; /* the second may be a prefix */
	bool ports;       /* no set: ports of one rule, by -m multiport (ports.c) */
};
#define SHAPE_COUNT 16
_Static_assert(SHAPE_COUNT <= SHAPES_MAX, "rewrite.set_numbers, lists.failed");
extern const struct shape shapes[SHAPE_COUNT];

struct shape_key {
	address first, second;
	uint8_t first_length, second_length, protocol;
	uint16_t port, last_port;
};
/* Whether the rule is one element of such a set, besides what it asks in common with others. */
bool shape_key(const struct shape *shape, const struct rule *rule, struct shape_key *key);
int shape_key_compare(const struct shape_key *a, const struct shape_key *b);
void shape_key_print(const struct shape *shape, enum family family, const struct shape_key *key,
		     struct buffer *out);
/* The match that holds the port of the key; NULL without. */
const struct match *shape_port_match(const struct shape *shape, const struct rule *rule);
/* ports.c: makes of a list of ports rules of -m multiport, behind each other, each an entry; what is alone
 * stays a rule. 0, -ENOMEM. */
int ports_settle(struct rewrite *rewrite, const struct entry *list, struct plan_chain *chain, size_t *count);
/* " 22,80,1000:2000" */
void ports_print(const struct entry *entry, struct buffer *out);

/* What the rule asks besides its key: two rules of the same words are one list. */
struct shape_rest {
	struct address_match source, destination;
	struct interface_match in, out;
	uint32_t shape, target, matches, protocol, fragment;
};
/* 0, -ENOMEM; *rest is compared as bytes. */
int shape_rest(struct rewrite *rewrite, const struct shape *shape, const struct rule *rule,
	       struct shape_rest *rest);

#endif
