/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Putting a loaded program in front of an interface in one step, swapping it for the one before, taking it
 * away. Killed at any moment, the old program or the new one is attached whole; only a change between native
 * and generic mode, which the kernel refuses side by side, has a moment without any (the kernel's own rules
 * stand meanwhile). */
#ifndef WEIR_KERNEL_ATTACH_H
#define WEIR_KERNEL_ATTACH_H

#include "kernel/attachment.h"

enum attach_mode { ATTACH_AUTO, ATTACH_NATIVE, ATTACH_GENERIC };

struct attach_request {
	int ifindex;
	enum attach_mode mode;
	int program, counters;   /* loaded, tables filled, counters zero (plane/xdp.h) */
	uint32_t stride, copies; /* shape of the counters */
	void *meta;              /* of meta_build(): map ids and time are filled in */
	size_t meta_size;
};

struct attach_result {
	uint32_t program;    /* id of what is attached now */
	bool generic;        /* attached so */
	bool native_refused; /* auto: the driver has no native mode, or not now; native_error says why */
	int native_error;
	bool swapped;           /* another of weir's was there */
	bool gap;               /* the mode changed: for a moment nothing was attached */
	bool counters_lost;     /* what was there is of another version or damaged: its counters are gone */
	uint32_t other_program; /* -EBUSY: id and name of the program that is not weir's */
	char other_name[32];
};

/* 0; -EBUSY: a program that is not weir's is attached; -EOPNOTSUPP: not in that mode; -EPERM; -ENODEV;
 * -EAGAIN: the lock is held by another weir for too long; other -errno. What failed goes into `why` in words.
 */
int attach_run(const struct attach_request *request, struct attach_result *result, struct buffer *why);

/* -ENOENT: nothing of weir's there. */
int attach_remove(int ifindex, struct buffer *why);
/* The same of that program alone: -ENOENT where another one of weir's has followed it. */
int attach_remove_program(int ifindex, uint32_t program, struct buffer *why);

/* Runs the program on frames made from the regions, and on such as must pass, before anything is attached,
 * and compares with plane_look_up(). The counters are zero again behind it. -EILSEQ: differs, in words. */
int attach_rehearse(int program, int counters, uint32_t stride, const struct plane *plane,
		    const uint8_t mac[6], const struct region *const regions[FAMILY_COUNT],
		    struct buffer *why);

#endif
