/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a rule says before its matches, as diagrams: the kernel's ip_packet_match() and ip6_packet_match(). */
#ifndef WEIR_MEANING_HEAD_H
#define WEIR_MEANING_HEAD_H

#include "extension/fields.h"

/* Before sealing. 0 or -errno. */
int head_declare(struct fields *fields, const struct rule *rule);
/* Each a boolean diagram. */
diagram_node head_input(const struct fields *fields, const struct rule *rule);
diagram_node head_output(const struct fields *fields, const struct rule *rule);
diagram_node head_fragment(const struct fields *fields, const struct rule *rule);
diagram_node head_protocol(const struct fields *fields, const struct rule *rule);
/* field: FIELD_SOURCE or FIELD_DESTINATION, and the rule's match on it. */
diagram_node head_address(const struct fields *fields, enum field field, const struct address_match *match);
/* All of it. */
diagram_node head_mean(const struct fields *fields, const struct rule *rule);

#endif
