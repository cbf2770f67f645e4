/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the files of this folder share in reading, printing and judging options. Nobody above includes it. */
#ifndef WEIR_EXTENSION_OPTION_H
#define WEIR_EXTENSION_OPTION_H

#include "extension/fields.h"
#include "ruleset/rule_parser.h"

static inline enum truth truth_and(enum truth a, enum truth b)
{
	if (a == TRUTH_NO || b == TRUTH_NO)
		return TRUTH_NO;
	return a == TRUTH_YES && b == TRUTH_YES ? TRUTH_YES : TRUTH_UNKNOWN;
}

static inline enum truth truth_of(bool value)
{
	return value ? TRUTH_YES : TRUTH_NO;
}

/* The data of a match or target: made, zeroed, at its first option. NULL when memory is short. */
void *option_data(struct rule_parser *parser, void **data, size_t size);
/* Marks the option `bit` as seen; -EINVAL with a diagnostic when any of `excluded` was seen before. */
int option_once(struct rule_parser *parser, unsigned *seen, unsigned bit, unsigned excluded);
/* An error that belongs to the whole match or target, at its span (or the rule's). */
__attribute__((format(printf, 4, 5))) struct diagnostic *
option_error(struct rule_parser *parser, struct span span, const char *code, const char *format, ...);
/* iptables refuses this match or target unless `-p NAME` stands in the rule, not inverted. 0 or -EINVAL. */
int option_require_protocol(struct rule_parser *parser, struct span span, const char *what, uint8_t protocol,
			    const char *name);

/* number_parse(), but without numbers such as 010, which iptables reads as octal (strtoul() with base 0):
 * refused here, since iptables-save never writes them and whoever did may have meant either. */
int option_number(struct text text, uint64_t max, uint64_t *number);

/* Takes the next part of a comma list off `rest`; false at its end. "a," has two parts, the last one empty.
 */
struct comma_list {
	struct text rest;
	bool done;
};
bool comma_next(struct comma_list *list, struct text *part);
/* Without regard to case. */
bool text_same(struct text text, const char *name);
/* Whether text, not empty, is the beginning of name, without regard to case (iptables' strncasecmp). */
bool text_abbreviates(struct text text, const char *name);

/* " VALUE" as xtables_save_string() quotes it: bare when it has letters, digits, _ and - only. */
void option_print_string(struct buffer *out, struct text value);

/* Hooks of packets that have come in by an interface, and of those that go out by one, as the kernel's
 * matches ask for them: match_type.hooks_of. */
#define OPTION_HOOKS_IN (1u << HOOK_PREROUTING | 1u << HOOK_INPUT | 1u << HOOK_FORWARD)
#define OPTION_HOOKS_OUT (1u << HOOK_FORWARD | 1u << HOOK_OUTPUT | 1u << HOOK_POSTROUTING)

/* Whether the rules are iptables-nft's, which gives some of them to nftables itself: that takes what x_tables
 * refuses. */
bool option_is_nft(const struct rule_parser *parser);

/* The predicate of a match, or of the part of one, that is not modelled, as named by option_opaque_name(). */
enum opaque_sharing {
	OPAQUE_PACKET, /* the packet's own and the same all along its way: one predicate for each text */
	OPAQUE_TABLE, /* may be another before and behind a table (NAT, marks, conntrack): one for each table,
		       * and where a target of the table changes such things one for each occurrence */
	OPAQUE_RULE,  /* has state of its own: one for each occurrence */
};
int option_declare_opaque(const struct match *match, const struct rule *rule, struct fields *fields,
			  struct text text, enum opaque_sharing sharing);
diagram_node option_mean_opaque(const struct match *match, const struct rule *rule,
				const struct fields *fields, struct text text, enum opaque_sharing sharing);

/* Whole packets and first fragments. */
diagram_node option_not_late(const struct fields *fields);
/* That a transport header is at hand to be looked at: NO for later fragments. */
enum truth option_has_transport(const struct packet *packet);

#endif
