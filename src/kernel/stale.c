/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whether what was taken for true at attach still is. Only what lets weir drop something that it should not
 * is a reason: an interface that forwarded and no longer does is none. */
#include "kernel/attachment.h"

#include <errno.h>
#include <string.h>

struct reasons {
	struct arena *arena;
	struct host_problem *list;
	size_t count, capacity;
	int error;
};

static void add(struct reasons *reasons, const char *code, const char *text, const char *hint)
{
	struct host_problem *reason = arena_push(reasons->arena, (void **)&reasons->list, &reasons->count,
						 &reasons->capacity, sizeof(*reason));

	if (!reason || !text) {
		reasons->error = -ENOMEM;
		reasons->count -= reason != NULL;
		return;
	}
	*reason = (struct host_problem){.code = code, .text = text, .hint = hint};
}

static void check_interface(struct reasons *reasons, const struct meta_header *header,
			    const struct host *host)
{
	if (strcmp(header->interface, host->link.name))
		add(reasons, "renamed",
		    arena_printf(reasons->arena, "the interface was %s at attach, and rules may name it",
				 header->interface),
		    NULL);
	if (header->namespace_inode != host->namespace_inode)
		add(reasons, "moved", "the interface was in another network namespace at attach", NULL);
	if (memcmp(header->mac, host->link.mac, sizeof(header->mac)))
		add(reasons, "mac-changed", "the interface's MAC address has changed since", NULL);
}

static bool still_local(const struct host *host, const struct meta_local *local)
{
	enum family family = local->family;
	address low = address_from_bytes(family, local->low), high = address_from_bytes(family, local->high);

	for (size_t i = 0; i < host->local_count; i++)
		if (host->locals[i].family == family && host->locals[i].low <= low &&
		    host->locals[i].high >= high)
			return true;
	return false;
}

static void check_routing(struct reasons *reasons, const struct meta *meta, const struct host *host)
{
	const struct meta_header *header = meta->header;

	for (enum family family = 0; family < FAMILY_COUNT; family++) {
		char digit = family == FAMILY_IPV4 ? '4' : '6';

		if (!header->forwarding_given && header->forwarding[family] == TRUTH_NO &&
		    host->forwarding[family] != TRUTH_NO)
			add(reasons, "forwarding",
			    arena_printf(reasons->arena,
					 "IPv%c packets that arrive there may be forwarded now", digit),
			    NULL);
		if (header->nat[family] != TRUTH_YES && host_nat(host, family) == TRUTH_YES)
			add(reasons, "nat", arena_printf(reasons->arena, "IPv%c NAT is in use now", digit),
			    NULL);
	}
	for (uint64_t i = 0; i < header->locals.count; i++) {
		struct buffer text = {0};

		if (still_local(host, &meta->locals[i]))
			continue;
		address_print(meta->locals[i].family,
			      address_from_bytes(meta->locals[i].family, meta->locals[i].low), &text);
		add(reasons, "local-address",
		    arena_printf(reasons->arena, "%s is no longer an address of this host",
				 text.data ? text.data : "?"),
		    NULL);
		buffer_fini(&text);
	}
}

int attachment_stale(struct arena *arena, const struct meta *meta, const struct host *host,
		     const uint64_t *fingerprint, struct host_problem **problems, size_t *count)
{
	const struct meta_header *header = meta->header;
	struct reasons reasons = {.arena = arena};
	struct host_reach reach[FAMILY_COUNT];
	struct host_problem *found;
	size_t found_count;
	int error;

	check_interface(&reasons, header, host);
	check_routing(&reasons, meta, host);
	for (enum family family = 0; family < FAMILY_COUNT; family++)
		reach[family] = (struct host_reach){.used = header->reach[family].used,
						    .beyond = header->reach[family].beyond,
						    .table = header->reach[family].table};
	struct host asked = *host;
	asked.applied = header->rules != META_LIVE;
	error = host_check(arena, &asked, header->vouched, reach, &found, &found_count);
	if (error)
		return error;
	for (size_t i = 0; i < found_count; i++)
		add(&reasons, found[i].code, found[i].text, found[i].hint);
	if (header->has_fingerprint && fingerprint && header->fingerprint != *fingerprint)
		add(&reasons, "rules-changed", "the live rules or sets are no longer those of the attach",
		    "weir attach again, or weir detach");
	if (reasons.error)
		return reasons.error;
	*problems = reasons.list;
	*count = reasons.count;
	return 0;
}
