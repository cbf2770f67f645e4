/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "check/members.h"

#include <errno.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	const struct prefix_member *first = a, *second = b;
	if (first->protocol != second->protocol)
		return first->protocol < second->protocol ? -1 : 1;
	if (first->port != second->port)
		return first->port < second->port ? -1 : 1;
	if (first->low != second->low)
		return first->low < second->low ? -1 : 1;
	return (first->prefix > second->prefix) - (first->prefix < second->prefix);
}

int members_sorted(const struct set *set, struct prefix_member **members, size_t *count)
{
	*members = NULL;
	*count = 0;
	if ((set->type != SET_HASH_NET && set->type != SET_HASH_NET_PORT) || !set->member_count ||
	    set->member_count > PREFIXES_MAX)
		return 0;
	struct prefix_member *sorted = calloc(set->member_count, sizeof(*sorted));
	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < set->member_count; i++) {
		struct set_member member;
		set_member_get(set, i, &member);
		sorted[i] = (struct prefix_member){
		    .low = member.low,
		    .index = (uint32_t)i,
		    .port = member.port,
		    .protocol = member.protocol,
		    .prefix = member.prefix,
		    .nomatch = member.nomatch,
		    .timed = member.timed,
		};
	}
	qsort(sorted, set->member_count, sizeof(*sorted), compare);
	*members = sorted;
	*count = set->member_count;
	return 0;
}
