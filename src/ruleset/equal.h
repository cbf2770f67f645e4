/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The parts of ruleset_equal(). Each says the first difference in words and returns whether there is none; a
 * buffer that failed makes the caller answer "differ". */
#ifndef WEIR_RULESET_EQUAL_H
#define WEIR_RULESET_EQUAL_H

#include "ruleset/ruleset.h"

bool sets_equal(const struct ruleset *a, const struct ruleset *b, struct buffer *difference);

#endif
