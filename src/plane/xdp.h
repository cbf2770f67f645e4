/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The plane in the kernel: program and maps, made and filled, attached nowhere.
 *
 * The program is named "weir_xdp"; its maps are "weir_blob" (the tables; BPF_F_MMAPABLE, one entry), where
 * the rules have limits "weir_sources" (their buckets, struct plane_source to a __u64, empty: all are full),
 * and "weir_counters" (struct plane_count for each possible CPU and slot, at cpu * stride + slot;
 * BPF_F_MMAPABLE). So cpus * stride entries; stride is slot_count of the plane. Counters only ever grow, each
 * written by its CPU alone.
 *
 * The blob is one value of an array map: kernels that bound such a value by what kmalloc() gives (4 MB)
 * refuse larger tables, and plane_xdp_open() says -E2BIG then. */
#ifndef WEIR_PLANE_XDP_H
#define WEIR_PLANE_XDP_H

#include "plane/plane.h"

#define PLANE_XDP_PROGRAM "weir_xdp"
#define PLANE_XDP_BLOB "weir_blob"
#define PLANE_XDP_COUNTERS "weir_counters"
#define PLANE_XDP_SOURCES "weir_sources"

struct plane_count {
	uint64_t packets, bytes;
};

struct weir_xdp_bpf;
struct plane_xdp {
	struct weir_xdp_bpf *skeleton;
	int program_fd, blob_fd, counters_fd; /* owned by the skeleton: dup() what must live longer */
	uint32_t stride, cpus;
};

/* Loads the program for the interface with that address. `log`: when not NULL gets the verifier's log,
 * whether it loads or not. Nothing is changed but what the returned object holds. 0, -ENOMEM, -EPERM, -E2BIG
 * (counters or tables too large for this kernel), or another -errno from bpf(). */
int plane_xdp_open(const struct plane *plane, const uint8_t mac[6], struct buffer *log,
		   struct plane_xdp **xdp);
void plane_xdp_free(struct plane_xdp *xdp);
static inline void plane_xdp_cleanup(struct plane_xdp **xdp)
{
	if (*xdp)
		plane_xdp_free(*xdp);
}

/* Adds all CPUs' counters of that map, of any process's program, to sums[stride]. 0 or -errno. */
int plane_xdp_counts(int counters_fd, uint32_t stride, uint32_t cpus, struct plane_count *sums);

#endif
