/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WEIR_KERNEL_ELSEWHERE_H
#define WEIR_KERNEL_ELSEWHERE_H

#include "kernel/link.h"

/* Adds to link->uppers the devices that stand on it from other network namespaces, as far as this process can
 * see and enter those (CAP_SYS_ADMIN; what a process lives in or a name under /run/netns or /run/docker/netns
 * keeps); sets link->elsewhere_seen when it could enter all that it saw. 0 or -errno. */
int link_read_elsewhere(struct arena *arena, struct link *link);

#endif
