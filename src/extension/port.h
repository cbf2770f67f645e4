/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A source or destination port, or a range of them, as the matches tcp and udp have it. */
#ifndef WEIR_EXTENSION_PORT_H
#define WEIR_EXTENSION_PORT_H

#include "extension/option.h"

/* Zeroed it matches every port. */
struct port_match {
	uint16_t first, last; /* host byte order; first > last matches none */
	bool given, inverted;
};

/* iptables has two ways of reading ports. */
enum port_style {
	PORT_STRICT, /* tcp, multiport: services of the rule's protocol, no range downwards */
	PORT_GUIDED, /* libxtables' own, for udp and conntrack: services of any protocol, 90:80 is taken */
};

/* "80", "http": one port or service name, nothing open. 0 or -EINVAL with a diagnostic. */
int port_parse_one(struct rule_parser *parser, enum port_style style, const struct word *word,
		   struct text text, uint16_t *port);
/* Takes the argument: "80", "80:90", ":90", "80:". */
int port_parse(struct rule_parser *parser, enum port_style style, struct port_match *match);
void port_print(const struct port_match *match, const char *option, struct buffer *out);
enum truth port_evaluate(const struct port_match *match, const struct packet *packet, bool source);
/* What it may match at most; low > high: nothing. */
void port_bounds(const struct port_match *match, uint16_t *low, uint16_t *high);
diagram_node port_mean(const struct port_match *match, const struct fields *fields, enum field field);

#endif
