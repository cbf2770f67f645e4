/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rulesets that differ a little from another one: as by a slip of the hand, and as by a rewrite that means
 * the same. */
#ifndef WEIR_TEST_MUTANTS_MUTATE_H
#define WEIR_TEST_MUTANTS_MUTATE_H

#include "lines.h"

struct mutation {
	const char *name;
	/* false: it found nothing to change; the side may be changed in part all the same. */
	bool (*change)(struct side *side, struct random *random);
};

extern const struct mutation slips[];
extern const size_t slip_count;
/* These mean the same. */
extern const struct mutation rewrites[];
extern const size_t rewrite_count;

/* Rules in other hooks: these may mean the same on the whole way of packets. */
extern const struct mutation moves[];
extern const size_t move_count;

/* The family that a line of a rule, or of an add, speaks of: by its colons. */
enum family line_family(const char *line);
bool prefix_read(enum family family, const char *word, struct pool_prefix *prefix);
void prefix_write(enum family family, const struct pool_prefix *prefix, struct buffer *out);
/* A rule's line at random; SIZE_MAX: there is none. */
size_t draw_rule(const struct lines *lines, struct random *random);

#endif
