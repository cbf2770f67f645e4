/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "check/members.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
	const struct prefix_member *first = a, *second = b;
	if (first->protocol != second->protocol)
		return first->protocol < second->protocol ? -1 : 1;
	if (first->port != second->port)
		return first->port < second->port ? -1 : 1;
	if (first->group != second->group)
		return first->group < second->group ? -1 : 1;
	if (first->low != second->low)
		return first->low < second->low ? -1 : 1;
	return (first->prefix > second->prefix) - (first->prefix < second->prefix);
}

/* The interfaces of a set's members, each once. */
struct interface_names {
	size_t count;
	struct {
		char name[INTERFACE_NAME_MAX];
		bool physdev, wildcard;
	} names[INTERFACES_MAX];
};

/* Its number, or INTERFACES_MAX when there are too many. */
static size_t interface_number(struct interface_names *names, const struct set_member *member)
{
	size_t i = 0;
	while (i < names->count &&
	       (strcmp(names->names[i].name, member->interface) != 0 ||
		names->names[i].physdev != member->physdev || names->names[i].wildcard != member->wildcard))
		i++;
	if (i < INTERFACES_MAX && i == names->count) {
		memcpy(names->names[i].name, member->interface, INTERFACE_NAME_MAX);
		names->names[i].physdev = member->physdev;
		names->names[i].wildcard = member->wildcard;
		names->count++;
	}
	return i;
}

static bool has_one_network(const struct set *set)
{
	return set->type == SET_HASH_NET || set->type == SET_HASH_NET_PORT ||
	       set->type == SET_HASH_IP_PORT_NET || set->type == SET_HASH_NET_INTERFACE;
}

int members_sorted(const struct set *set, struct prefix_member **members, size_t *count)
{
	struct interface_names names = {0};
	bool second = set->type == SET_HASH_IP_PORT_NET;
	*members = NULL;
	*count = 0;
	if (!has_one_network(set) || !set->member_count || set->member_count > PREFIXES_MAX)
		return 0;
	struct prefix_member *sorted = calloc(set->member_count, sizeof(*sorted));
	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < set->member_count; i++) {
		struct set_member member;
		set_member_get(set, i, &member);
		sorted[i] = (struct prefix_member){
		    .low = second ? member.low2 : member.low,
		    .group = second ? member.low : 0,
		    .index = (uint32_t)i,
		    .port = member.port,
		    .protocol = member.protocol,
		    .prefix = second ? member.prefix2 : member.prefix,
		    .nomatch = member.nomatch,
		    .timed = member.timed,
		};
		if (set->type != SET_HASH_NET_INTERFACE)
			continue;
		sorted[i].group = interface_number(&names, &member);
		if (sorted[i].group == INTERFACES_MAX) {
			free(sorted);
			return 0;
		}
	}
	qsort(sorted, set->member_count, sizeof(*sorted), compare);
	*members = sorted;
	*count = set->member_count;
	return 0;
}
