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

/* Reads what has come. Whether there was a change by another process than this. */
bool events_read(int socket);

#endif
