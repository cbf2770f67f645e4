/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir set: XDP before and behind a change of members. */
#ifndef WEIR_COMMAND_SET_EARLY_H
#define WEIR_COMMAND_SET_EARLY_H

#include "command/early_apply.h"
#include "command/set.h"

enum set_change { SET_ADDS, SET_REMOVES, SET_EMPTIES };

/* XDP drops no more than the rules do with the members that the set has, and with those that it will have.
 * Where weir is attached nowhere for applied rules, nothing is read. EXIT_DONE, or the exit code. */
int set_early_begin(struct state_store *store, enum set_change what, const struct set_asked *asked,
		    struct early_report *report);
/* XDP follows, whatever became of the change. EXIT_DONE, or the exit code. */
int set_early_end(struct state_store *store, struct early_report *report);

#endif
