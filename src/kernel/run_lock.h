/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Locks of the machine, as files in /run/weir. flock(2) ends with its holder. */
#ifndef WEIR_KERNEL_RUN_LOCK_H
#define WEIR_KERNEL_RUN_LOCK_H

#include <stdint.h>

#define RUN_DIRECTORY "/run/weir"

/* A file descriptor; -EAGAIN: somebody else has held it for `wait` milliseconds; other -errno. */
int run_lock(const char *name, unsigned wait);

#endif
