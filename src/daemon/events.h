/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * That something has changed: interfaces of this network namespace, rules of its nftables. What it was is not
 * told, and has to be looked at. */
#ifndef WEIR_DAEMON_EVENTS_H
#define WEIR_DAEMON_EVENTS_H

#include <stdbool.h>

/* A socket that can be polled, or -errno. */
int events_links(void);
int events_nftables(void);

enum event {
	EVENT_LINKS = 1,
	EVENT_RULES = 2, /* but for members of sets in tables that are not weir's */
	EVENT_WEIR = 4,  /* rules, by a process called weir */
};
/* Reads what has come: enum event, ored; 0: nothing, but for what this process did itself. */
unsigned events_read(int socket);

#endif
