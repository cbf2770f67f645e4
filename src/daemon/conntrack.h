/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The connections that the kernel follows: how many, and those that were given to a backend. */
#ifndef WEIR_DAEMON_CONNTRACK_H
#define WEIR_DAEMON_CONNTRACK_H

#include "packet/address.h"

#include <stddef.h>
#include <stdint.h>

/* Of this network namespace, and the most there may be. -ENOENT: none are followed here. */
int conntrack_fill(uint64_t *count, uint64_t *most);

/* Forgets those that were given to the backend and never came about: what the client sends again is a new
 * connection, for another backend. Established ones are left alone. 0 or -errno. */
int conntrack_forget(enum family family, uint8_t protocol, address backend, uint16_t port, size_t *forgotten);

#endif
