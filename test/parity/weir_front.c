/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "weir_front.h"

#include "rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int fail(struct buffer *why, const char *step, int error)
{
	buffer_printf(why, " [%s: %s]", step, strerror(-error));
	return error;
}

/* What `weir attach` takes from the host. */
static int compute(struct weir_front *front, const struct ruleset *ruleset,
		   struct host_reach reach[FAMILY_COUNT], struct meta_header *header)
{
	for (int family = 0; family < FAMILY_COUNT; family++) {
		struct region_options options = {.interface = TEST_INTERFACE};
		int error;

		for (int other = 0; other < FAMILY_COUNT; other++) {
			options.forwarding[other] = front->host.forwarding[other];
			options.nat[other] = host_nat(&front->host, (enum family)other);
			header->forwarding[other] = (uint8_t)options.forwarding[other];
			header->nat[other] = (uint8_t)options.nat[other];
		}
		options.locals = (const void *)front->host.locals;
		options.local_count = front->host.local_count;
		error = region_compute(ruleset, (enum family)family, &options, &front->regions[family]);
		if (error)
			return error;
		if (front->regions[family]->undecided)
			return -EDOM;
		reach[family] = host_reach(front->regions[family]);
	}
	return 0;
}

static int examine(struct weir_front *front, const struct host_reach *reach, struct buffer *why)
{
	struct host_problem *problems;
	size_t count = 0;
	int error = host_check(front->arena, &front->host, 0, reach, &problems, &count);

	if (error)
		return fail(why, "host_check", error);
	for (size_t i = 0; i < count; i++)
		buffer_printf(why, "%s: %s; ", problems[i].code, problems[i].text);
	return count ? -EPERM : 0;
}

static int put(struct weir_front *front, struct meta_header *header, bool generic, struct buffer *why)
{
	const struct region *const *regions = (const struct region *const *)front->regions;
	struct attach_request request = {.mode = generic ? ATTACH_GENERIC : ATTACH_NATIVE};
	struct attach_result result;
	int error;

	header->ifindex = (uint32_t)front->host.link.index;
	memcpy(header->interface, front->host.link.name, sizeof(header->interface));
	memcpy(header->mac, front->host.link.mac, sizeof(header->mac));
	header->blob_bytes = front->plane->size;
	error = meta_build(front->arena, header, "generated", regions, front->plane, front->host.locals,
			   front->host.local_count, &request.meta, &request.meta_size);
	if (error)
		return fail(why, "meta_build", error);
	error = plane_xdp_open(front->plane, front->host.link.mac, NULL, &front->xdp);
	if (error)
		return fail(why, "plane_xdp_open", error);
	error = attach_rehearse(front->xdp->program_fd, front->xdp->counters_fd, front->xdp->stride,
				front->plane, front->host.link.mac, regions, why);
	if (error)
		return fail(why, "attach_rehearse", error);
	request.ifindex = front->host.link.index;
	request.program = front->xdp->program_fd;
	request.counters = front->xdp->counters_fd;
	request.stride = front->xdp->stride;
	request.copies = front->xdp->cpus;
	error = attach_run(&request, &result, why);
	if (error)
		return fail(why, "attach_run", error);
	front->attached = true;
	return 0;
}

int weir_front_attach(struct weir_front *front, const struct ruleset *ruleset, enum family family,
		      bool generic, struct buffer *why)
{
	struct meta_header header = {0};
	struct host_reach reach[FAMILY_COUNT];
	int error;

	*front = (struct weir_front){.family = family, .arena = arena_new()};
	if (!front->arena)
		return fail(why, "arena_new", -ENOMEM);
	error = host_read(front->arena, TEST_INTERFACE, &front->host);
	if (error)
		return fail(why, "host_read", error);
	error = compute(front, ruleset, reach, &header);
	if (error)
		return fail(why, "region_compute", error);
	error = examine(front, reach, why);
	if (error)
		return error;
	error = plane_build((const struct region *const *)front->regions, &front->plane);
	if (error)
		return fail(why, "plane_build", error);
	error = plane_prove(front->plane, (const struct region *const *)front->regions, why);
	if (error)
		return fail(why, "plane_prove", error);
	return put(front, &header, generic, why);
}

void weir_front_detach(struct weir_front *front)
{
	struct buffer why __attribute__((cleanup(buffer_fini))) = {0};

	if (front->attached)
		attach_remove(front->host.link.index, &why);
	plane_xdp_cleanup(&front->xdp);
	plane_cleanup(&front->plane);
	for (int family = 0; family < FAMILY_COUNT; family++)
		region_cleanup(&front->regions[family]);
	if (front->arena)
		arena_free(front->arena);
	*front = (struct weir_front){0};
}

static int add_items(const struct weir_front *front, const struct meta *meta, const struct tally *items,
		     struct rule_tally *tally, uint64_t *dropped, struct buffer *why)
{
	for (uint64_t i = 0; i < meta->header->items.count; i++) {
		const struct meta_item *item = &meta->items[i];
		struct count *count;

		if (item->kind == META_MEMBER || item->family != front->family)
			continue;
		*dropped += items[i].packets;
		count = tally_find(tally, item->table, meta_text(meta, item->chain), item->number);
		if (!count) {
			buffer_puts(why, "weir counts a rule that is not there");
			return -ESRCH;
		}
		count->packets += items[i].packets;
		count->bytes += items[i].bytes;
	}
	return 0;
}

int weir_front_count(const struct weir_front *front, struct rule_tally *tally, uint64_t *dropped,
		     struct buffer *why)
{
	struct attachment attachment __attribute__((cleanup(attachment_cleanup))) = ATTACHMENT_NONE;
	struct link link;
	struct tally *items = NULL;
	int error = link_read(front->arena, TEST_INTERFACE, &link);

	if (error)
		return fail(why, "link_read", error);
	error = attachment_open(link.xdp_native ? link.xdp_native : link.xdp_generic, &attachment);
	if (error)
		return fail(why, "attachment_open", error);
	error = attachment_count(&attachment, &items);
	if (error)
		return fail(why, "attachment_count", error);
	error = add_items(front, &attachment.meta, items, tally, dropped, why);
	free(items);
	return error;
}

bool weir_front_difference(const struct weir_front *front, const struct rule_tally *alone,
			   struct rule_tally *both, bool policies, struct buffer *why)
{
	const struct region *region = front->regions[front->family];

	for (size_t i = 0; i < region->uncounted_count; i++) {
		const struct unit *unit = &region->units[region->uncounted[i]];

		for (size_t n = 0; n < (unit->kind == UNIT_POLICY ? 1 : unit->rule_count); n++) {
			uint32_t number = unit->kind == UNIT_POLICY ? 0 : unit->rule[n].number;
			struct count *sum =
			    tally_find(both, unit->chain->table->id, unit->chain->name, number);
			const struct count *whole = sum ? &alone->counts[sum - both->counts] : NULL;

			if (sum && sum->packets <= whole->packets && sum->bytes <= whole->bytes)
				*sum = *whole;
		}
	}
	return tally_difference(alone, NULL, both, policies, TALLY_RECEIVED, why);
}
