/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Numbers that iproute2 has names for, with a mask or not: realms, groups of interfaces. */
#ifndef WEIR_EXTENSION_NAMED_NUMBER_H
#define WEIR_EXTENSION_NAMED_NUMBER_H

#include "extension/guided.h"

/* xtables_parse_val_mask(): NUMBER, NUMBER/MASK, or a name of the file. number, second, and in text what
 * xtables_print_val_mask() prints. 0, -EINVAL with a diagnostic, -ENOMEM. */
int named_number_parse(struct rule_parser *parser, const struct word *word, const char *path,
		       struct guided_value *value);

#endif
