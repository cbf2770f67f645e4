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

/* "80", "http": one port or service name, nothing open. 0 or -EINVAL with a diagnostic. */
int port_parse_one(struct rule_parser *parser, const struct word *word, struct text text, uint16_t *port);
/* Takes the argument: "80", "80:90", ":90", "80:". `reversible`: 90:80 is taken, as udp does. */
int port_parse(struct rule_parser *parser, bool reversible, struct port_match *match);
void port_print(const struct port_match *match, const char *option, struct buffer *out);
enum truth port_evaluate(const struct port_match *match, const struct packet *packet, bool source);
diagram_node port_mean(const struct port_match *match, const struct fields *fields, enum field field);

#endif
