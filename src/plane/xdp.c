/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Loads the program and fills its maps. The blob is written through mmap(): a copy, however large it is. */
#include "plane/xdp.h"
#include "plane/layout.h"

#include "weir_xdp.skel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LOG_SIZE (1u << 24)
#define COUNTERS_MAX ((uint64_t)1 << 31) /* bytes */

static size_t page_up(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	return (size + page - 1) & ~(page - 1);
}

static int fill_blob(const struct plane *plane, const uint8_t mac[ETH_ALEN], int fd)
{
	uint8_t *memory = mmap(NULL, page_up(plane->size), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	memcpy(memory, plane->blob, plane->size);
	memcpy(memory + offsetof(struct plane_header, mac), mac, ETH_ALEN);
	munmap(memory, page_up(plane->size));
	return 0;
}

/* Sizes of the maps and constants of the program, before it is loaded. */
static int prepare(const struct plane *plane, struct plane_xdp *xdp)
{
	int cpus = libbpf_num_possible_cpus();
	if (cpus <= 0)
		return cpus < 0 ? cpus : -EINVAL;
	xdp->cpus = (uint32_t)cpus;
	xdp->stride = plane->slot_count;
	uint64_t entries = (uint64_t)xdp->cpus * xdp->stride;
	if (plane->size > PLANE_BYTES_MAX || entries * sizeof(struct plane_count) > COUNTERS_MAX)
		return -E2BIG;
	struct bpf_map *blob = xdp->skeleton->maps.weir_blob, *counters = xdp->skeleton->maps.weir_counters;
	int result = bpf_map__set_value_size(blob, (uint32_t)plane->size);
	if (result == 0)
		result = bpf_map__set_max_entries(counters, (uint32_t)entries);
	/* Without limits the verifier takes all of it out of the program, and the map is not made. */
	xdp->skeleton->rodata->weir_limits = plane->limit_count > 0;
	if (result == 0 && plane->limit_count)
		result = bpf_map__set_max_entries(xdp->skeleton->maps.weir_sources, PLANE_SOURCES);
	else if (result == 0)
		result = bpf_map__set_autocreate(xdp->skeleton->maps.weir_sources, false);
	xdp->skeleton->rodata->weir_mask = plane->size - 1;
	xdp->skeleton->rodata->weir_stride = xdp->stride;
	return result;
}

static int load(const struct plane *plane, const uint8_t mac[ETH_ALEN], struct plane_xdp *xdp)
{
	int result = prepare(plane, xdp);
	if (result == 0)
		result = weir_xdp_bpf__load(xdp->skeleton);
	if (result)
		return result;
	xdp->program_fd = bpf_program__fd(xdp->skeleton->progs.weir_xdp);
	xdp->blob_fd = bpf_map__fd(xdp->skeleton->maps.weir_blob);
	xdp->counters_fd = bpf_map__fd(xdp->skeleton->maps.weir_counters);
	return fill_blob(plane, mac, xdp->blob_fd);
}

/* This library does not print; libbpf would. What it knows is in the log and in errno. */
static int silent(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level;
	(void)format;
	(void)arguments;
	return 0;
}

int plane_xdp_open(const struct plane *plane, const uint8_t mac[6], struct buffer *log,
		   struct plane_xdp **xdp)
{
	struct plane_xdp *fresh = calloc(1, sizeof(*fresh));
	char *text = log ? calloc(1, LOG_SIZE) : NULL;
	int result = fresh && (text || !log) ? 0 : -ENOMEM;
	libbpf_print_fn_t before = libbpf_set_print(silent);
	LIBBPF_OPTS(bpf_object_open_opts, options);
	if (result == 0 && log) {
		options.kernel_log_buf = text;
		options.kernel_log_size = LOG_SIZE;
		options.kernel_log_level = 1;
	}
	if (result == 0) {
		fresh->skeleton = weir_xdp_bpf__open_opts(&options);
		result = fresh->skeleton ? load(plane, mac, fresh) : -errno;
	}
	libbpf_set_print(before);
	if (log && text && text[0])
		buffer_puts(log, text);
	free(text);
	if (result) {
		plane_xdp_free(fresh);
		return result;
	}
	*xdp = fresh;
	return 0;
}

void plane_xdp_free(struct plane_xdp *xdp)
{
	if (!xdp)
		return;
	weir_xdp_bpf__destroy(xdp->skeleton);
	free(xdp);
}

int plane_xdp_counts(int counters_fd, uint32_t stride, uint32_t cpus, struct plane_count *sums)
{
	size_t size = page_up((size_t)stride * cpus * sizeof(struct plane_count));
	const struct plane_count *counts = mmap(NULL, size, PROT_READ, MAP_SHARED, counters_fd, 0);
	if (counts == MAP_FAILED)
		return -errno;
	for (uint32_t cpu = 0; cpu < cpus; cpu++)
		for (uint32_t slot = 0; slot < stride; slot++) {
			const struct plane_count *count = &counts[(size_t)cpu * stride + slot];
			sums[slot].packets += __atomic_load_n(&count->packets, __ATOMIC_RELAXED);
			sums[slot].bytes += __atomic_load_n(&count->bytes, __ATOMIC_RELAXED);
		}
	munmap((void *)(uintptr_t)counts, size);
	return 0;
}
