/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Sends frames from inside the kernel and tells what each of them cost (BPF_PROG_TEST_RUN with live frames,
 * Linux 5.18 and newer). */
#ifndef WEIR_OBSERVE_INJECT_H
#define WEIR_OBSERVE_INJECT_H

#include "observe/frames.h"

#include <stdbool.h>
#include <stdint.h>

struct injector;

/* `receiving` is the interface on whose behalf the frames come; `through` the other end of its veth pair, by
 * which frames meet a native XDP program; 0 hands them to the receive path at once, past native XDP. Both by
 * index. 0, or -errno: -EPERM without the privilege, -ENOTSUP on a kernel without live frames, -EINVAL
 * without frames. */
int injector_new(const struct frames *frames, unsigned receiving, unsigned through,
		 struct injector **injector);
void injector_free(struct injector *injector);
static inline void injector_cleanup(struct injector **injector)
{
	if (*injector)
		injector_free(*injector);
}

/* Sends that many packets: the frames in their order, from the first on, again and again. *nanoseconds is the
 * mean per packet, everything included that the kernel did with it before the next batch of 64 (whole ns are
 * what the kernel gives). 0, or -errno; -EIO when a frame could not be made. */
int injector_run(struct injector *injector, uint32_t packets, double *nanoseconds);

/* Programs to compare with, to be put at the receiving end: one that drops all, one that lets all through.
 * The descriptor is the injector's. */
enum injector_program { INJECTOR_DISCARD, INJECTOR_PASS };
int injector_program(const struct injector *injector, enum injector_program program);

#endif
