/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A program of weir's that is attached to an interface: found by its name and maps, held by file descriptors,
 * with a checked copy of its description. There are no links and no pins: the program is attached by netlink
 * alone, survives its maker, and `ip link set dev IFACE xdp off` takes it away.
 *
 * Counters over a swap. The maps of the program that is replaced are bound to its successor before the
 * switch, and the successor's map "weir_carry" says PENDING. Behind the switch, when no processor can still
 * be in the old program, the old counts are written into weir_carry, and one store makes it say FOLDED. Who
 * reads while it says PENDING adds the old program's counters instead. So a process that is killed anywhere
 * in between loses no count and makes none twice; the next attach finishes its work. */
#ifndef WEIR_KERNEL_ATTACHMENT_H
#define WEIR_KERNEL_ATTACHMENT_H

#include "kernel/meta.h"

#define PROGRAM_NAME "weir_xdp"
#define MAP_COUNTERS "weir_counters"
#define MAP_META "weir_meta"
#define MAP_CARRY "weir_carry"
/* Arrays of one map each, which keep the predecessor's maps alive until they are emptied. */
#define MAP_OLD_META "weir_old_meta"
#define MAP_OLD_COUNTERS "weir_old_count"
#define MAP_OLD_CARRY "weir_old_carry"

/* Entry 0 of weir_carry holds the state in `packets`; entry 1 + i is carried for item i. */
enum carry_state { CARRY_PENDING = 1, CARRY_FOLDED = 2 };

struct attachment {
	uint32_t program_id;
	int program, meta_map, counters, carry; /* file descriptors; -1: none */
	int old_meta, old_counters, old_carry;  /* the arrays of one map; -1: had no predecessor */
	void *data;                             /* private copy of the description */
	struct meta meta;
};

/* Without CAP_SYS_ADMIN what it has on record alone: the description without rules, and no descriptors.
 * -ENOENT: the program is not weir's, or is gone. -EPROTO: of another version of weir; -EBADMSG: damaged
 * (with both, `attachment` holds the program and its id alone). -EPERM and others. attachment_fini() in every
 * case but -ENOENT. */
int attachment_open(uint32_t program_id, struct attachment *attachment);
void attachment_fini(struct attachment *attachment);
static inline void attachment_cleanup(struct attachment *attachment)
{
	attachment_fini(attachment);
}
#define ATTACHMENT_NONE                                                                                      \
	{                                                                                                    \
		.program = -1, .meta_map = -1, .counters = -1, .carry = -1, .old_meta = -1,                  \
		.old_counters = -1, .old_carry = -1                                                          \
	}

/* Counts of all items, those of predecessors with them; malloc()ed, header->items.count of them. */
int attachment_count(const struct attachment *attachment, struct tally **items);

/* Finishes what a killed attach left: 0 also when there is nothing to do. The caller holds the lock. */
int attachment_fold(const struct attachment *attachment);

/* What was taken for true when the program was attached and no longer holds; none: count is 0. `fingerprint`:
 * of the live rules now, NULL when they could not be read (which is not a reason by itself). */
int attachment_stale(struct arena *arena, const struct meta *meta, const struct host *host,
		     const uint64_t *fingerprint, struct host_problem **problems, size_t *count);

/* A map's content as one run of bytes, mapped into this process. Munmap what is given back. */
int map_window(int map, bool write, void **window, size_t *size);

#endif
