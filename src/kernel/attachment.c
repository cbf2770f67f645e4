/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Finding, reading and folding attached programs. What is read comes from maps that any privileged program
 * may have made: ids, shapes and contents are checked. */
#include "kernel/attachment.h"
#include "kernel/program_record.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAPS_MAX 64
#define ATTEMPTS_MAX 5 /* a fold by another process may get in between */

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void attachment_fini(struct attachment *attachment)
{
	close_fd(&attachment->program);
	close_fd(&attachment->meta_map);
	close_fd(&attachment->counters);
	close_fd(&attachment->carry);
	close_fd(&attachment->old_meta);
	close_fd(&attachment->old_counters);
	close_fd(&attachment->old_carry);
	free(attachment->data);
	attachment->data = NULL;
}

static int map_info(int map, struct bpf_map_info *info)
{
	uint32_t size = sizeof(*info);

	memset(info, 0, sizeof(*info));
	return bpf_obj_get_info_by_fd(map, info, &size);
}

int map_window(int map, bool write, void **window, size_t *size)
{
	struct bpf_map_info info;
	uint64_t bytes;
	void *mapped;
	int result = map_info(map, &info);

	if (result)
		return result;
	if (info.type != BPF_MAP_TYPE_ARRAY || !(info.map_flags & BPF_F_MMAPABLE))
		return -EBADMSG;
	bytes = ((uint64_t)info.value_size + 7) / 8 * 8 * info.max_entries;
	if (!bytes || bytes > SIZE_MAX / 2)
		return -EBADMSG;
	mapped = mmap(NULL, bytes, write ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, map, 0);
	if (mapped == MAP_FAILED)
		return -errno;
	*window = mapped;
	*size = bytes;
	return 0;
}

/* A private, checked copy: the map could change while it is read. */
static int read_meta(int map, void **data, struct meta *meta)
{
	void *window, *copy;
	size_t size;
	int result = map_window(map, false, &window, &size);

	if (result)
		return result;
	copy = size <= META_SIZE_MAX ? malloc(size) : NULL;
	if (copy)
		memcpy(copy, window, size);
	munmap(window, size);
	if (!copy)
		return -ENOMEM;
	result = meta_open(copy, size, meta);
	if (result) {
		free(copy);
		return result;
	}
	*data = copy;
	return 0;
}

static int *place_for(struct attachment *attachment, const char *name)
{
	if (!strcmp(name, MAP_META))
		return &attachment->meta_map;
	if (!strcmp(name, MAP_COUNTERS))
		return &attachment->counters;
	if (!strcmp(name, MAP_CARRY))
		return &attachment->carry;
	if (!strcmp(name, MAP_OLD_META))
		return &attachment->old_meta;
	if (!strcmp(name, MAP_OLD_COUNTERS))
		return &attachment->old_counters;
	if (!strcmp(name, MAP_OLD_CARRY))
		return &attachment->old_carry;
	return NULL;
}

static int open_maps(struct attachment *attachment, const uint32_t *ids, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct bpf_map_info info;
		int map = bpf_map_get_fd_by_id(ids[i]), *place;
		int result = map < 0 ? map : map_info(map, &info);

		if (result) {
			if (map >= 0)
				close(map);
			return result;
		}
		info.name[sizeof(info.name) - 1] = 0;
		place = place_for(attachment, info.name);
		if (place && *place < 0)
			*place = map;
		else
			close(map);
	}
	return 0;
}

static bool map_has_id(int map, uint32_t id)
{
	struct bpf_map_info info;

	return map >= 0 && !map_info(map, &info) && info.id == id;
}

/* By its record, without descriptors. `refused`: why there are none. */
static int open_record(uint32_t program_id, int refused, struct attachment *attachment)
{
	struct attachment opened = ATTACHMENT_NONE;
	size_t size;

	opened.program_id = program_id;
	if (program_recall(program_id, &opened.data, &size))
		return refused;
	if (meta_open(opened.data, size, &opened.meta)) {
		attachment_fini(&opened);
		return refused;
	}
	*attachment = opened;
	return 0;
}

int attachment_open(uint32_t program_id, struct attachment *attachment)
{
	struct attachment opened = ATTACHMENT_NONE;
	struct bpf_prog_info info = {0};
	uint32_t ids[MAPS_MAX], size = sizeof(info);
	int result;

	opened.program_id = program_id;
	opened.program = bpf_prog_get_fd_by_id(program_id);
	if (opened.program == -EPERM)
		return open_record(program_id, opened.program, attachment);
	if (opened.program < 0)
		return opened.program;
	info.nr_map_ids = MAPS_MAX;
	info.map_ids = (uint64_t)(uintptr_t)ids;
	result = bpf_obj_get_info_by_fd(opened.program, &info, &size);
	if (!result) {
		info.name[sizeof(info.name) - 1] = 0;
		if (strcmp(info.name, PROGRAM_NAME) || info.type != BPF_PROG_TYPE_XDP ||
		    info.nr_map_ids > MAPS_MAX)
			result = -ENOENT;
	}
	if (!result)
		result = open_maps(&opened, ids, info.nr_map_ids);
	if (!result && opened.meta_map < 0)
		result = -ENOENT;
	if (result) {
		attachment_fini(&opened);
		return result;
	}
	result = read_meta(opened.meta_map, &opened.data, &opened.meta);
	if (!result && (!map_has_id(opened.counters, opened.meta.header->counters) ||
			!map_has_id(opened.carry, opened.meta.header->carry)))
		result = -EBADMSG;
	*attachment = opened;
	return result;
}

/* weir_counters is an array of copies, one for each possible processor, `stride` entries each (plane/xdp.h).
 */
static int read_slots(const struct meta_header *header, int map, struct tally *slots)
{
	const struct tally *window;
	void *mapped;
	size_t size;
	int result = map_window(map, false, &mapped, &size);

	if (result)
		return result;
	window = mapped;
	if (header->slot_count > header->counter_stride ||
	    (uint64_t)header->counter_copies * header->counter_stride > size / sizeof(*window))
		result = -EBADMSG;
	for (uint64_t copy = 0; !result && copy < header->counter_copies; copy++) {
		const struct tally *own = window + copy * header->counter_stride;

		/* counted on while it is read: each number by itself is whole */
		for (uint32_t slot = 0; slot < header->slot_count; slot++) {
			slots[slot].packets += __atomic_load_n(&own[slot].packets, __ATOMIC_RELAXED);
			slots[slot].bytes += __atomic_load_n(&own[slot].bytes, __ATOMIC_RELAXED);
		}
	}
	munmap(mapped, size);
	return result;
}

/* What one program's own slots say, without what was carried. */
static int count_own(const struct meta *meta, int counters, struct tally *items)
{
	struct tally *slots = calloc((size_t)meta->header->slot_count + 1, sizeof(*slots));
	int result;

	if (!slots)
		return -ENOMEM;
	result = read_slots(meta->header, counters, slots);
	if (!result)
		meta_add_slots(meta, slots, meta->header->slot_count, items);
	free(slots);
	return result;
}

/* items += what was carried; *state is what the map says of itself. */
static int add_carried(const struct meta *meta, int carry, struct tally *items, uint64_t *state)
{
	const struct tally *window;
	void *mapped;
	size_t size;
	int result = map_window(carry, false, &mapped, &size);

	if (result)
		return result;
	window = mapped;
	*state = __atomic_load_n(&window[0].packets, __ATOMIC_ACQUIRE);
	if (*state != CARRY_PENDING && *state != CARRY_FOLDED)
		result = -EBADMSG;
	else if (size / sizeof(struct tally) < meta->header->items.count + 1)
		result = -EBADMSG;
	for (uint64_t i = 0; !result && *state == CARRY_FOLDED && i < meta->header->items.count; i++) {
		items[i].packets += window[i + 1].packets;
		items[i].bytes += window[i + 1].bytes;
	}
	munmap(mapped, size);
	return result;
}

/* items += the predecessor's counts. -ENOENT: its maps are gone, so that a fold must have ended. */
static int add_predecessor(const struct meta *meta, struct tally *items)
{
	struct attachment old = ATTACHMENT_NONE;
	struct tally *counts = NULL;
	uint64_t state;
	int result;

	old.meta_map = bpf_map_get_fd_by_id(meta->header->previous_meta);
	old.counters = bpf_map_get_fd_by_id(meta->header->previous_counters);
	old.carry = bpf_map_get_fd_by_id(meta->header->previous_carry);
	if (old.meta_map < 0 || old.counters < 0 || old.carry < 0) {
		result = old.meta_map < 0 ? old.meta_map : old.counters < 0 ? old.counters : old.carry;
		goto out;
	}
	result = read_meta(old.meta_map, &old.data, &old.meta);
	if (result)
		goto out;
	counts = calloc(old.meta.header->items.count + 1, sizeof(*counts));
	result = counts ? count_own(&old.meta, old.counters, counts) : -ENOMEM;
	/* the predecessor was folded before it was replaced */
	if (!result)
		result = add_carried(&old.meta, old.carry, counts, &state);
	if (!result)
		result = meta_carry(meta, items, &old.meta, counts);
out:
	free(counts);
	attachment_fini(&old);
	return result;
}

int attachment_count(const struct attachment *attachment, struct tally **items)
{
	const struct meta *meta = &attachment->meta;
	size_t count = meta->header->items.count;
	struct tally *counts = calloc(count + 1, sizeof(*counts));
	int result = -ENOMEM;

	for (int attempt = 0; counts && attempt < ATTEMPTS_MAX; attempt++) {
		uint64_t state = 0;

		memset(counts, 0, count * sizeof(*counts));
		result = add_carried(meta, attachment->carry, counts, &state);
		if (!result && state == CARRY_PENDING)
			result = add_predecessor(meta, counts);
		if (!result)
			result = count_own(meta, attachment->counters, counts);
		if (result != -ENOENT)
			break;
	}
	if (result) {
		free(counts);
		return result;
	}
	*items = counts;
	return 0;
}

/* Waits until no processor is in a program that was replaced before the call. The kernel documents that an
 * update of a map of maps returns only when "all programs that could be running use the new map value"
 * (maybe_wait_bpf_programs(), kernel/bpf/syscall.c, since 5.0: synchronize_rcu(), which waits for softirq
 * handlers too); here the value is put back as it was. membarrier(2) promises an ordering of memory only, and
 * a sleep nothing. */
static int wait_for_processors(int old_map, uint32_t inner_id)
{
	uint32_t zero = 0;
	int inner = bpf_map_get_fd_by_id(inner_id), result;

	if (inner < 0)
		return inner;
	result = bpf_map_update_elem(old_map, &zero, &inner, BPF_ANY);
	close(inner);
	return result;
}

static int write_carried(const struct attachment *attachment, const struct tally *items)
{
	size_t count = attachment->meta.header->items.count, size;
	struct tally *window;
	void *mapped;
	int result = map_window(attachment->carry, true, &mapped, &size);

	if (result)
		return result;
	window = mapped;
	if (size / sizeof(*window) < count + 1) {
		result = -EBADMSG;
	} else {
		memcpy(window + 1, items, count * sizeof(*window));
		/* all or nothing: until here readers did not look at the entries */
		__atomic_store_n(&window[0].packets, (uint64_t)CARRY_FOLDED, __ATOMIC_RELEASE);
	}
	munmap(mapped, size);
	return result;
}

int attachment_fold(const struct attachment *attachment)
{
	const struct meta *meta = &attachment->meta;
	struct tally *items = calloc(meta->header->items.count + 1, sizeof(*items));
	uint64_t state = 0;
	uint32_t zero = 0;
	int result;

	if (!items)
		return -ENOMEM;
	result = add_carried(meta, attachment->carry, items, &state);
	if (!result && state == CARRY_PENDING) {
		result = wait_for_processors(attachment->old_counters, meta->header->previous_counters);
		if (!result)
			result = add_predecessor(meta, items);
		if (!result)
			result = write_carried(attachment, items);
	}
	/* lets the predecessor's maps go; done again when a kill came in between */
	if (!result && attachment->old_meta >= 0)
		bpf_map_delete_elem(attachment->old_meta, &zero);
	if (!result && attachment->old_counters >= 0)
		bpf_map_delete_elem(attachment->old_counters, &zero);
	if (!result && attachment->old_carry >= 0)
		bpf_map_delete_elem(attachment->old_carry, &zero);
	free(items);
	return result;
}
