/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What matches and targets remember from packet to packet while a capture goes through the engine: tokens of
 * limit, the count of statistic nth, the lists of recent. Of a single packet nothing is remembered: there is
 * no session then. */
#ifndef WEIR_EXTENSION_SESSION_H
#define WEIR_EXTENSION_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct session;

struct session *session_new(uint64_t seed); /* NULL when memory is short */
void session_free(struct session *session);

/* The memory of `owner`, any address that stays as long as the session (a match, a target), zeroed at first.
 * Several owners may share memory by agreeing on `name` (a list of recent): owner NULL then. NULL when memory
 * is short. `size` is the same at each call. */
void *session_memory(struct session *session, const void *owner, const char *name, size_t size);
/* For memory that the above points to: freed with the session. */
void *session_alloc(struct session *session, size_t size);
/* The next of the random numbers that follow from the seed. */
uint32_t session_random(struct session *session);

#endif
