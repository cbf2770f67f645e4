/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WEIR_TEST_MUTANTS_SETS_H
#define WEIR_TEST_MUTANTS_SETS_H

#include "mutate.h"

/* Adds sets, and rules that look into them. */
void more_sets(struct side *side, const struct pool *pool, struct random *random);

#endif
