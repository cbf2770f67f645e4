/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Settings of the kernel, by the names that sysctl(8) has for them, and their way back. */
#ifndef WEIR_KERNEL_SYSCTL_H
#define WEIR_KERNEL_SYSCTL_H

#include "base/arena.h"
#include "base/text.h"

#include <stdbool.h>

struct sysctl {
	const char *name;  /* "net.netfilter.nf_conntrack_max" */
	const char *value; /* what it shall be */
	const char *first; /* what it was before weir ever changed it; NULL: not known yet */
};

struct sysctls {
	size_t count, capacity;
	struct sysctl *list;
};

/* The value now, without the newline, in the arena. -ENOENT: the kernel has no such setting (a module may
 * have to be loaded first). -EINVAL: not a name. */
int sysctl_read(struct arena *arena, const char *name, const char **value);
int sysctl_write(const char *name, const char *value);

/* "NAME FIRST VALUE" lines, tab-separated. */
void sysctls_print(const struct sysctls *sysctls, struct buffer *out);
int sysctls_parse(struct arena *arena, struct text text, struct sysctls *sysctls); /* -EBADMSG, -ENOMEM */

/* Fills in `first` of each of `next`: as `now` has it, or what the kernel says. */
int sysctls_remember(struct arena *arena, const struct sysctls *now, struct sysctls *next,
		     struct buffer *why);
/* From the settings of one state to those of another: what `next` does not have becomes what it first was. Of
 * what is as it shall be nothing is written. Where one fails the others are put back. One that the kernel has
 * no longer, as its module is gone, is skipped: `why` says so, though all is well. */
int sysctls_switch(const struct sysctls *now, const struct sysctls *next, struct buffer *why);

#endif
