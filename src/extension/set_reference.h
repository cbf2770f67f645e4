/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A set and the directions in which it is asked, as options of matches and targets name them: NAME src,dst.
 */
#ifndef WEIR_EXTENSION_SET_REFERENCE_H
#define WEIR_EXTENSION_SET_REFERENCE_H

#include "ruleset/rule_parser.h"

#define SET_DIRECTIONS_MAX 6 /* IPSET_DIM_MAX */

struct set_reference {
	struct set *set;
	unsigned dimensions;
	bool source[SET_DIRECTIONS_MAX];
};

/* The two words behind the option on offer. 0, or -EINVAL with a diagnostic. */
int set_reference_parse(struct rule_parser *parser, struct set_reference *reference);
/* "NAME src,dst" */
void set_reference_print(const struct set_reference *reference, struct buffer *out);

#endif
