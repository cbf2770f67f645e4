/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whether backends answer: a TCP connection is opened, and closed at once. Nothing here blocks. */
#ifndef WEIR_DAEMON_CHECK_H
#define WEIR_DAEMON_CHECK_H

#include "read/policy/policy.h"

#include <poll.h>

#define CHECK_FAILURES 2                      /* in a row: it is down; one answer: it is up */
#define CHECK_AGAIN ((uint64_t)100 * 1000000) /* ns: after a failure, while it counts as up */

enum check_state { CHECK_UNKNOWN, CHECK_UP, CHECK_DOWN };

/* One backend of one listener. */
struct check {
	const struct policy_statement *statement; /* balance */
	size_t number;                            /* of the backend in it */
	enum family family;
	address address;
	uint16_t port;
	uint64_t every, timeout; /* ns */
	enum check_state state;
	int64_t since; /* seconds since 1970: it has that state */
	int error;     /* why it is down, or could not be asked; 0: it answered */
	/* Of the one on its way. */
	unsigned failures;
	int socket;    /* -1: none */
	size_t slot;   /* among those that are waited for */
	uint64_t next; /* ns of CLOCK_BOOTTIME: when the next one begins, or this one is over */
};

struct checks {
	struct check *list; /* of those backends that are checked */
	size_t count;
};

/* All of the tree's backends that are checked. What `before` knows of a backend of the same listener is
 * known. 0 or -ENOMEM. */
int checks_new(struct arena *arena, const struct policy_tree *tree, const struct checks *before, uint64_t now,
	       struct checks *checks);
void checks_fini(struct checks *checks);

/* Adds what is waited for; `fds` has room for checks->count. Returns how many. */
size_t checks_fds(struct checks *checks, struct pollfd *fds);
/* When the next one is to be looked at; UINT64_MAX: none is. */
uint64_t checks_next(const struct checks *checks);
/* Goes on with those whose time has come, or of which `fds` says something. `changed` is called for each
 * whose state changes. */
void checks_run(struct checks *checks, const struct pollfd *fds, size_t count, uint64_t now,
		void (*changed)(void *context, const struct check *check), void *context);

/* Whether all are known. */
bool checks_known(const struct checks *checks);
/* The check of a backend; NULL: it is not checked. */
const struct check *checks_find(const struct checks *checks, const struct policy_statement *statement,
				size_t number);

#endif
