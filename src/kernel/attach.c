/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The switch. Everything that can fail by itself is done before it: maps made, filled and bound. One netlink
 * message replaces the program that the caller has seen (XDP_FLAGS_REPLACE with its descriptor), or sets one
 * where there is none (XDP_FLAGS_UPDATE_IF_NOEXIST); if anything else was attached meanwhile, the kernel
 * refuses. */
#include "kernel/attach.h"
#include "kernel/program_record.h"
#include "kernel/run_lock.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* One lock for the machine: held for the moment of the switch only. */
#define LOCK_NAME "xdp.lock"
#define LOCK_WAIT 30000 /* ms */
#define META_CHUNK 4096

static int lock_take(struct buffer *why)
{
	int fd = run_lock(LOCK_NAME, LOCK_WAIT);

	if (fd == -EAGAIN)
		buffer_puts(why, "another weir holds " RUN_DIRECTORY "/" LOCK_NAME);
	else if (fd < 0)
		buffer_printf(why, "cannot open " RUN_DIRECTORY "/" LOCK_NAME ": %s", strerror(-fd));
	return fd;
}

/* What is attached to the interface now. */
struct present {
	uint32_t native, generic, offload;
};

static int look(int ifindex, struct present *present)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	int result = bpf_xdp_query(ifindex, 0, &query);

	if (!result)
		*present = (struct present){query.drv_prog_id, query.skb_prog_id, query.hw_prog_id};
	return result;
}

static void name_program(uint32_t id, char *name, size_t size)
{
	struct bpf_prog_info info = {0};
	uint32_t length = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(id);

	snprintf(name, size, "?");
	if (fd < 0)
		return;
	if (!bpf_obj_get_info_by_fd(fd, &info, &length))
		snprintf(name, size, "%.*s", (int)sizeof(info.name), info.name);
	close(fd);
}

/* The predecessor; program -1 when there is none. */
static int open_present(const struct present *present, struct attachment *old, struct attach_result *result,
			struct buffer *why)
{
	uint32_t id = present->native ? present->native : present->generic;
	int error;

	if (present->offload)
		id = present->offload;
	if (!id)
		return 0;
	error = present->offload ? -ENOENT : attachment_open(id, old);
	if (error == -ENOENT) {
		result->other_program = id;
		name_program(id, result->other_name, sizeof(result->other_name));
		buffer_printf(why, "another XDP program is attached: %s, id %u", result->other_name, id);
		return -EBUSY;
	}
	if (error == -EPROTO || error == -EBADMSG) {
		result->counters_lost = true;
		return 0;
	}
	if (!error && old->program < 0) /* known by its record alone */
		result->counters_lost = true;
	if (error)
		buffer_printf(why, "cannot read the attached program: %s", strerror(-error));
	return error;
}

static bool has_counts(const struct attachment *old, const struct attach_result *result)
{
	return old->program >= 0 && !result->counters_lost;
}

static int map_id(int map, uint32_t *id)
{
	struct bpf_map_info info = {0};
	uint32_t size = sizeof(info);
	int result = bpf_obj_get_info_by_fd(map, &info, &size);

	if (!result)
		*id = info.id;
	return result;
}

/* An array that holds one map, of exactly that map's shape, and is bound to the program: keeps the map alive
 * until it is emptied, and updating it waits for running programs (attachment.c). */
static int bind_predecessor(int program, const char *name, int map)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .inner_map_fd = (uint32_t)map);
	uint32_t zero = 0;
	int outer =
	    bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, name, sizeof(uint32_t), sizeof(uint32_t), 1, &options);
	int result;

	if (outer < 0)
		return outer;
	result = bpf_map_update_elem(outer, &zero, &map, BPF_ANY);
	if (!result)
		result = bpf_prog_bind_map(program, outer, NULL);
	close(outer);
	return result;
}

static int make_array(const char *name, uint32_t value_size, uint64_t bytes)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
	uint64_t entries = (bytes + value_size - 1) / value_size;

	if (entries > UINT32_MAX)
		return -E2BIG;
	return bpf_map_create(BPF_MAP_TYPE_ARRAY, name, sizeof(uint32_t), value_size, (uint32_t)entries,
			      &options);
}

static int fill(int map, const void *data, size_t bytes)
{
	void *window;
	size_t size;
	int result = map_window(map, true, &window, &size);

	if (result)
		return result;
	if (size < bytes)
		result = -EBADMSG;
	else
		memcpy(window, data, bytes);
	munmap(window, size);
	return result;
}

/* Makes weir_carry and weir_meta and binds everything that the program must hold. */
static int prepare(const struct attach_request *request, const struct attachment *old, bool counts)
{
	struct meta_header *header = request->meta;
	struct tally state = {counts ? CARRY_PENDING : CARRY_FOLDED, 0};
	struct timespec now;
	int carry, meta = -1, result;

	carry = make_array(MAP_CARRY, sizeof(struct tally), (header->items.count + 1) * sizeof(struct tally));
	if (carry < 0)
		return carry;
	result = fill(carry, &state, sizeof(state));
	if (!result)
		result = map_id(carry, &header->carry);
	if (!result)
		result = map_id(request->counters, &header->counters);
	header->counter_stride = request->stride;
	header->counter_copies = request->copies;
	header->previous_meta = header->previous_counters = header->previous_carry = 0;
	if (!result && counts) {
		result = map_id(old->meta_map, &header->previous_meta);
		header->previous_counters = old->meta.header->counters;
		header->previous_carry = old->meta.header->carry;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	header->attached_at = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	if (!result) {
		meta = make_array(MAP_META, META_CHUNK, request->meta_size);
		result = meta < 0 ? meta : fill(meta, request->meta, request->meta_size);
	}
	if (!result)
		result = bpf_map_freeze(meta);
	if (!result)
		result = bpf_prog_bind_map(request->program, meta, NULL);
	if (!result)
		result = bpf_prog_bind_map(request->program, carry, NULL);
	if (!result && counts) {
		result = bind_predecessor(request->program, MAP_OLD_META, old->meta_map);
		if (!result)
			result = bind_predecessor(request->program, MAP_OLD_COUNTERS, old->counters);
		if (!result)
			result = bind_predecessor(request->program, MAP_OLD_CARRY, old->carry);
	}
	if (meta >= 0)
		close(meta);
	close(carry);
	return result;
}

/* `old` -1: there is none; NO_DESCRIPTOR: there is one, of which there is but a record. Should somebody have
 * put another in its place since it was looked at, that one goes. */
#define NO_DESCRIPTOR (-2)

static int set_program(int ifindex, int program, int old, bool generic)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = old);
	uint32_t flags = generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;

	if (old == NO_DESCRIPTOR)
		return bpf_xdp_attach(ifindex, program, flags, NULL);
	if (old < 0) /* libbpf adds XDP_FLAGS_REPLACE by itself when there is an old one */
		return bpf_xdp_attach(ifindex, program, flags | XDP_FLAGS_UPDATE_IF_NOEXIST, NULL);
	return bpf_xdp_attach(ifindex, program, flags, &options);
}

/* Errors that say "not in this mode", not "somebody else was faster" or "you may not". */
static bool mode_refused(int error)
{
	return error && error != -EBUSY && error != -EEXIST && error != -EPERM && error != -EACCES &&
	       error != -ENODEV && error != -ENOMEM;
}

/* Between the modes: the kernel has "native and generic XDP can't be active at the same time"
 * (dev_xdp_attach()). */
static int change_mode(const struct attach_request *request, int old, bool old_generic, bool generic,
		       struct attach_result *result, struct buffer *why)
{
	int error = set_program(request->ifindex, -1, old, old_generic);

	if (error)
		return error;
	result->gap = true;
	error = set_program(request->ifindex, request->program, -1, generic);
	if (error) {
		int back = old < 0 ? -EPERM : set_program(request->ifindex, old, -1, old_generic);

		if (back)
			buffer_printf(why,
				      "the program before could not be put back (%s): nothing is attached; ",
				      strerror(-back));
	}
	return error;
}

static int switch_over(const struct attach_request *request, const struct present *present, int old,
		       struct attach_result *result, struct buffer *why)
{
	bool old_generic = present->generic, generic = request->mode == ATTACH_GENERIC;
	int error;

	if (old != -1 && request->mode == ATTACH_AUTO)
		generic = old_generic; /* as it is: no moment without a program */
	result->generic = generic;
	if (old != -1 && generic != old_generic)
		return change_mode(request, old, old_generic, generic, result, why);
	error = set_program(request->ifindex, request->program, old, generic);
	if (old != -1 || request->mode != ATTACH_AUTO || !mode_refused(error))
		return error;
	result->native_refused = true;
	result->native_error = error;
	result->generic = true;
	return set_program(request->ifindex, request->program, -1, true);
}

static int descriptor_of(const struct attachment *old)
{
	return old->program >= 0 ? old->program : old->data ? NO_DESCRIPTOR : -1;
}

/* So that who may not look at it can tell that it is weir's. It is of use to others alone. */
static int put_on_record(const struct attach_request *request, uint32_t *id)
{
	struct bpf_prog_info info = {0};
	uint32_t size = sizeof(info);
	struct meta meta;
	int error = bpf_obj_get_info_by_fd(request->program, &info, &size);

	*id = info.id;
	if (!error && !meta_open(request->meta, request->meta_size, &meta))
		program_record(info.id, &meta);
	return error;
}

static int run_locked(const struct attach_request *request, struct attach_result *result, struct buffer *why)
{
	struct attachment old __attribute__((cleanup(attachment_cleanup))) = ATTACHMENT_NONE;
	struct attachment made __attribute__((cleanup(attachment_cleanup))) = ATTACHMENT_NONE;
	struct present present = {0};
	int error = look(request->ifindex, &present);

	if (error) {
		buffer_printf(why, "cannot ask for XDP programs: %s", strerror(-error));
		return error;
	}
	error = open_present(&present, &old, result, why);
	if (error)
		return error;
	result->swapped = descriptor_of(&old) != -1;
	if (has_counts(&old, result)) {
		error = attachment_fold(&old);
		if (error) {
			buffer_printf(why, "cannot read the counters of the attached program: %s",
				      strerror(-error));
			return error;
		}
	}
	error = prepare(request, &old, has_counts(&old, result));
	if (error) {
		buffer_printf(why, "cannot make the program's maps: %s", strerror(-error));
		return error;
	}
	error = put_on_record(request, &result->program);
	if (!error)
		error = switch_over(request, &present, descriptor_of(&old), result, why);
	if (error == -EEXIST)
		error = -EBUSY;
	if (error) {
		buffer_printf(why, "the kernel refused to attach the program: %s", strerror(-error));
		program_forget(result->program);
		return error;
	}
	if (result->swapped)
		program_forget(old.program_id);
	if (!has_counts(&old, result))
		return 0;
	error = attachment_open(result->program, &made);
	if (!error)
		error = attachment_fold(&made);
	if (error)
		buffer_printf(why, "attached, but the counters of before are not folded in yet: %s",
			      strerror(-error));
	return error;
}

/* This library does not print; libbpf would. */
static int silent(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level;
	(void)format;
	(void)arguments;
	return 0;
}

int attach_run(const struct attach_request *request, struct attach_result *result, struct buffer *why)
{
	int lock = lock_take(why), error;
	libbpf_print_fn_t before;

	*result = (struct attach_result){0};
	if (lock < 0)
		return lock;
	before = libbpf_set_print(silent);
	error = run_locked(request, result, why);
	libbpf_set_print(before);
	close(lock);
	return error;
}

int attach_remove(int ifindex, struct buffer *why)
{
	return attach_remove_program(ifindex, 0, why);
}

int attach_remove_program(int ifindex, uint32_t program, struct buffer *why)
{
	struct attachment old __attribute__((cleanup(attachment_cleanup))) = ATTACHMENT_NONE;
	struct attach_result ignored = {0};
	struct present present = {0};
	int lock = lock_take(why), error;

	if (lock < 0)
		return lock;
	error = look(ifindex, &present);
	if (error)
		buffer_printf(why, "cannot ask for XDP programs: %s", strerror(-error));
	else
		error = open_present(&present, &old, &ignored, why);
	if (!error && (descriptor_of(&old) == -1 || (program && old.program_id != program)))
		error = -ENOENT;
	if (!error) {
		error = set_program(ifindex, -1, descriptor_of(&old), present.generic);
		if (error)
			buffer_printf(why, "the kernel refused to detach the program: %s", strerror(-error));
		else
			program_forget(old.program_id);
	}
	close(lock);
	return error;
}
