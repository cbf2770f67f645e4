/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Finds named objects by hash. Lives in an arena; names are not copied. The hash has a random seed for each
 * process, so that no input can be written whose names all collide. */
#ifndef WEIR_RULESET_NAME_INDEX_H
#define WEIR_RULESET_NAME_INDEX_H

#include "base/arena.h"
#include "base/text.h"

struct name_index;

/* Creates *index when it is NULL. 0, -EEXIST, -ENOMEM. */
int name_index_add(struct arena *arena, struct name_index **index, struct text name, void *object);
/* NULL when there is none; index may be NULL. */
void *name_index_find(const struct name_index *index, struct text name);
/* A number that is another one in each process, for hashes. */
uint64_t name_index_seed(void);

#endif
