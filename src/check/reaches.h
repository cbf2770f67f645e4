/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is left of each rule by those before it, computed once for all findings that ask. */
#ifndef WEIR_CHECK_REACHES_H
#define WEIR_CHECK_REACHES_H

#include "check/context.h"
#include "meaning/reach.h"

/* NULL when memory is short (check->failed is set then). */
const struct rule_reach *check_reach(struct check *check, const struct rule *rule);
void reaches_free(struct check *check);

#endif
