/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How long things take. */
#ifndef WEIR_BASE_CLOCK_H
#define WEIR_BASE_CLOCK_H

#include <time.h>

/* Seconds since some moment, never going back: only differences mean something. */
static inline double clock_seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

#endif
