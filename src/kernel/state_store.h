/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What was applied, on disk: the last five states, each whole, which of them is in force, and what was going
 *on when a process died.
 *
 *	DIRECTORY/lock            held while something changes; says by whom
 *	DIRECTORY/current         the number of the state that is in force; missing or 0: none
 *	DIRECTORY/pending         a change that has begun: what it was to become (struct state_pending)
 *	DIRECTORY/holder          locked by the process that takes a trial back
 *	DIRECTORY/members         of large sets, as the kernel was last seen to hold them (nft_known.h)
 *	DIRECTORY/states/NUMBER/  files of a state, and "manifest", which has the checksums of the others
 *
 * A file or a state is there whole or not at all: written under another name, synced, renamed, the directory
 * synced. */
#ifndef WEIR_KERNEL_STATE_STORE_H
#define WEIR_KERNEL_STATE_STORE_H

#include "base/arena.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

#define STATE_KEPT 5
#define STATE_FILES_MAX 16
#define STATE_DIRECTORY "/var/lib/weir"
#define STATE_FEEDS "feeds" /* in it: src/feed/store.h */

struct state_store {
	char *path;
	int directory; /* file descriptor */
	int lock;      /* -1: not held */
	int space;     /* that of the network namespace, which directories may share; -1: not held */
};
#define STATE_STORE_NONE                                                                                     \
	{                                                                                                    \
		.path = NULL, .directory = -1, .lock = -1, .space = -1                                       \
	}

/* `path` NULL: of this network namespace: STATE_DIRECTORY for the one that process 1 lives in, below it
 * netns/NAME for one with a name of ip-netns(8), and -ENOTUNIQ for others, which must say where. `create`:
 * makes the directory, else -ENOENT. In words in `why`. */
int state_store_open(const char *path, bool create, struct state_store *store, struct buffer *why);
void state_store_close(struct state_store *store);
/* -EAGAIN: somebody else holds it, `why` says who. `wait`: seconds to try for. */
int state_store_lock(struct state_store *store, const char *what, unsigned wait, struct buffer *why);
void state_store_unlock(struct state_store *store);

struct state_file {
	const char *name;
	struct text text;
};

struct state {
	uint32_t number;
	uint32_t previous; /* 0: there was none */
	int64_t time;      /* seconds since 1970 */
	const char *rules; /* the arguments it was made of, one line */
};

/* Writes a state of the number given. -ENOSPC and others; nothing is left behind then. */
int state_put(struct state_store *store, const struct state *state, const struct state_file *files,
	      size_t count, struct buffer *why);
/* All that are whole, ascending. Damaged ones are counted. */
int state_list(struct state_store *store, struct arena *arena, struct state **states, size_t *count,
	       size_t *damaged);
/* -ENOENT: no such state; -EBADMSG: it is damaged. */
int state_get(struct state_store *store, struct arena *arena, uint32_t number, struct state *state,
	      struct buffer *why);
/* One file of a state, its checksum checked. -ENOENT: the state has none of that name. */
int state_read(struct state_store *store, struct arena *arena, uint32_t number, const char *name,
	       struct text *text, struct buffer *why);
void state_remove(struct state_store *store, uint32_t number);
/* Removes those beyond the last STATE_KEPT, but not these two. */
int state_prune(struct state_store *store, uint32_t keep, uint32_t keep_too);
/* Greater than the number of any state that there is, and of the one in force. */
uint32_t state_next(struct state_store *store);

/* 0: none. */
int state_current(struct state_store *store, uint32_t *number, struct buffer *why);
int state_set_current(struct state_store *store, uint32_t number, struct buffer *why);

enum state_pending_kind {
	STATE_PENDING_NONE,
	STATE_PENDING_APPLY,
	STATE_PENDING_TRY,
	STATE_PENDING_ROLLBACK
};

struct state_pending {
	enum state_pending_kind kind;
	uint32_t number;   /* the state that will be in force */
	uint32_t from;     /* the one that was */
	uint32_t source;   /* the state whose image it is, and ... */
	bool before;       /* ... whether what was before that state; else what the state is */
	uint64_t deadline; /* TRY: ns of CLOCK_BOOTTIME */
	char boot[40];     /* /proc/sys/kernel/random/boot_id */
};

/* kind NONE: nothing is going on. */
int state_pending(struct state_store *store, struct state_pending *pending, struct buffer *why);
int state_set_pending(struct state_store *store, struct state_pending *pending, struct buffer *why);
/* Whether it was written before the machine was started last. */
bool state_pending_of_old(const struct state_pending *pending);

/* The lock of a trial's holder: a file descriptor, or -EAGAIN when it is held. */
int state_holder_lock(struct state_store *store);

#endif
