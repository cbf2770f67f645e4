/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The kernel's settings that a policy asks for: its conntrack statement, and what its limits need, as
 * sysctls. */
#include "command/applied.h"
#include "command/command.h"
#include "read/policy/policy.h"

#include <errno.h>
#include <inttypes.h>

static int add(struct arena *arena, struct sysctls *settings, const char *name, uint64_t value)
{
	struct sysctl *sysctl = arena_push(arena, (void **)&settings->list, &settings->count,
					   &settings->capacity, sizeof(*sysctl));

	if (!sysctl || !name)
		return -ENOMEM;
	sysctl->name = arena_printf(arena, "net.%s", name);
	sysctl->value = arena_printf(arena, "%" PRIu64, value);
	return sysctl->name && sysctl->value ? 0 : -ENOMEM;
}

static int add_conntrack(struct arena *arena, const struct policy_conntrack *conntrack,
			 struct sysctls *settings)
{
	const struct {
		const char *name;
		bool said;
		uint64_t value;
	} all[] = {
	    {"netfilter.nf_conntrack_buckets", conntrack->buckets, conntrack->buckets},
	    {"netfilter.nf_conntrack_max", conntrack->max, conntrack->max}, /* behind: buckets set it, too */
	    {"netfilter.nf_conntrack_tcp_be_liberal", conntrack->tcp_be_liberal,
	     conntrack->tcp_be_liberal == SWITCH_ON},
	    {"netfilter.nf_conntrack_tcp_loose", conntrack->tcp_loose, conntrack->tcp_loose == SWITCH_ON},
	};
	int error = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(*all) && !error; i++)
		if (all[i].said)
			error = add(arena, settings, all[i].name, all[i].value);
	for (size_t i = 0; i < conntrack->timeout_count && !error; i++)
		error =
		    add(arena, settings, arena_printf(arena, "netfilter.%s", conntrack->timeouts[i].sysctl),
			conntrack->timeouts[i].seconds);
	return error;
}

/* SYNPROXY takes the segment that answers its own for what conntrack calls INVALID, which it does where it
 * takes no connection up in its middle; and hands time stamps on that the host's TCP is to know. */
static int add_limits(struct arena *arena, const struct policy_tree *tree, struct sysctls *settings)
{
	bool cookies = false, proxy = false;
	int error = 0;

	for (size_t i = 0; i < tree->statement_count; i++) {
		const struct policy_statement *statement = &tree->statements[i];
		if (statement->kind != STATEMENT_LIMIT)
			continue;
		cookies |= statement->limit.with == LIMIT_SYNCOOKIES;
		proxy |= statement->limit.with == LIMIT_SYNPROXY;
	}
	if (cookies || proxy)
		error = add(arena, settings, "ipv4.tcp_syncookies", 1);
	if (!error && proxy)
		error = add(arena, settings, "ipv4.tcp_timestamps", 1);
	if (!error && proxy && !tree->conntrack.tcp_loose)
		error = add(arena, settings, "netfilter.nf_conntrack_tcp_loose", 0);
	return error;
}

int apply_settings(struct arena *arena, const struct ruleset *ruleset, struct sysctls *settings)
{
	int error = 0;

	for (size_t i = 0; i < ruleset->policy_count && !error; i++) {
		error = add_conntrack(arena, &ruleset->policies[i]->conntrack, settings);
		if (!error)
			error = add_limits(arena, ruleset->policies[i], settings);
	}
	return error;
}
