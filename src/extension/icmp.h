/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What -m icmp and -m icmp6 have in common: a type, a range of codes, names for them. */
#ifndef WEIR_EXTENSION_ICMP_H
#define WEIR_EXTENSION_ICMP_H

#include "extension/option.h"

#define ICMP_TYPE_ANY 0xff /* of ICMP only; ICMPv6 has no such thing */

struct icmp_name {
	const char *name;
	uint8_t type, code_first, code_last;
};

struct icmp_match {
	unsigned seen;
	uint8_t type, code_first, code_last;
	bool inverted;
};

/* How one of the two differs from the other. */
struct icmp_kind {
	const char *match, *option; /* "-m icmp", "--icmp-type" */
	const char *what;           /* "ICMP" */
	const char *protocol_name;
	uint8_t protocol;
	bool has_any;
	const struct icmp_name *names;
	size_t name_count;
};

int icmp_parse(const struct icmp_kind *kind, struct rule_parser *parser, struct match *match);
int icmp_finish(const struct icmp_kind *kind, struct rule_parser *parser, struct match *match);
void icmp_print(const struct icmp_kind *kind, const struct match *match, struct buffer *out);
enum truth icmp_evaluate(const struct icmp_kind *kind, const struct match *match, const struct packet *packet,
			 struct evaluation *evaluation);
diagram_node icmp_mean(const struct icmp_kind *kind, const struct match *match, const struct fields *fields);

#endif
