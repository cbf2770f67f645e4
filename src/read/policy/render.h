/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a policy means: the rules and sets of iptables that each of its statements becomes, as the texts that
 * the readers of src/read/ take. doc/weir-policy.5.scd says it statement by statement.
 *
 * The texts depend on the policy alone: the same one gives the same bytes, of the same names, so that
 * applying it again changes nothing. */
#ifndef WEIR_READ_POLICY_RENDER_H
#define WEIR_READ_POLICY_RENDER_H

#include "read/policy/policy.h"

struct policy_render_options {
	/* Whether a backend is to get no new connections, as it does not answer; NULL: all get some. Where
	 * none is left, all of them get some: a check that is wrong must not close the listener. */
	bool (*backend_down)(void *context, const struct policy_statement *balance, size_t backend);
	void *context;
	uint64_t now; /* seconds since 1970, from which timeouts count; 0: members have none */
};

/* Which statement the lines of a rendered text are of: the last one that begins at the offset or before. */
struct policy_line {
	uint32_t begin;
	struct span span;
};
struct policy_text {
	const struct source *source; /* NULL: nothing to say */
	struct policy_line *lines;
	size_t line_count, line_capacity;
};

struct policy_rendering {
	const struct policy_tree *tree;
	struct policy_text sets;                /* as ipset save prints */
	struct policy_text rules[FAMILY_COUNT]; /* as iptables-save prints */
	/* What comes behind all other rules, those of `rules` files too: tables of rules alone. */
	struct policy_text tail[FAMILY_COUNT];
};

/* 0; -EINVAL with diagnostics for what cannot be had from the kernel; -ENOMEM. `options` may be NULL. The
 * texts live in the arena, and point to the tree. */
int policy_render(struct arena *arena, const struct policy_tree *tree,
		  const struct policy_render_options *options, struct diagnostics *sink,
		  struct policy_rendering **rendering);

/* Makes chains, rules and sets that were read from these texts point to the policy's statements. */
void policy_rendering_place(const struct policy_rendering *rendering, struct ruleset *ruleset);

/* The limits of policies among the rules of a ruleset that weir itself wrote, as that of a state on disk:
 * marks them as such (struct rule). */
void policy_mark_limits(struct ruleset *ruleset);

/* Once all renderings have their places: limits of `rules` files that are called as those of policies, with
 * which they would count together. 0, -EINVAL. */
int policy_limits_check(const struct ruleset *ruleset, struct diagnostics *sink);

/* The set's name in the kernel, of one family: "weir-banned-4". */
#define POLICY_KERNEL_NAME_MAX 32 /* IPSET_MAXNAMELEN, with its NUL */
void policy_set_name(const struct policy_set *set, enum family family, char name[POLICY_KERNEL_NAME_MAX]);

#endif
