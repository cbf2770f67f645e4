/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Feeds on disk: the last good copy of each, and what is known of it.
 *
 *	DIRECTORY/NAME        the copy, byte for byte as it came
 *	DIRECTORY/NAME.about  struct feed_record, as JSON
 *	DIRECTORY/.lock       held while feeds are fetched
 *	DIRECTORY/.changed    a copy is new since rules were applied with the copies
 *
 * A copy is replaced before its record is: where the second did not come about, the record is not of that
 *copy (its checksum says so), and the next fetch asks for all of it. */
#ifndef WEIR_FEED_STORE_H
#define WEIR_FEED_STORE_H

#include "base/arena.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

struct feed_store {
	char *path;
	int directory; /* file descriptor */
	int lock;      /* -1: not held */
};
#define FEED_STORE_NONE                                                                                      \
	{                                                                                                    \
		.path = NULL, .directory = -1, .lock = -1                                                    \
	}

/* `create`: makes the directory, else -ENOENT. In words in `why`. */
int feed_store_open(const char *path, bool create, struct feed_store *store, struct buffer *why);
void feed_store_close(struct feed_store *store);
/* -EAGAIN: another one fetches. */
int feed_store_lock(struct feed_store *store, struct buffer *why);

/* Says, before a copy is changed, that one was; and what was said. feed_store_unmark(): all are applied. */
int feed_store_mark(const struct feed_store *store);
bool feed_store_marked(const struct feed_store *store);
int feed_store_unmark(const struct feed_store *store);

/* All strings are "" where there is nothing to be said, times 0. */
struct feed_record {
	const char *asked;           /* where the last fetch was from */
	const char *url;             /* where the copy is from */
	const char *etag, *modified; /* of the copy, as the server gave them */
	uint64_t size, sum;          /* of the copy */
	uint64_t members;
	int64_t tried;     /* seconds since 1970: the last fetch, */
	int64_t fetched;   /* the last one that went well, */
	int64_t changed;   /* the one that the copy is from */
	const char *error; /* of the last fetch, when it failed */
};

#define FEED_RECORD_NONE                                                                                     \
	((struct feed_record){.asked = "", .url = "", .etag = "", .modified = "", .error = ""})

/* What is missing or damaged is as if there were none: 0. -ENOMEM, -EIO and the like. */
int feed_record_read(struct arena *arena, const struct feed_store *store, const char *name,
		     struct feed_record *record);
int feed_record_write(const struct feed_store *store, const char *name, const struct feed_record *record);
uint64_t feed_sum(struct text text);
/* Removes what is kept of feeds that none of the names is of, and that nobody has tried to fetch since. 0 or
 * -errno. */
int feed_store_prune(const struct feed_store *store, const char *const *names, size_t count, int64_t since);
/* Whether the record is of this copy. */
bool feed_record_is_of(const struct feed_record *record, struct text copy);

bool feed_copy_exists(const struct feed_store *store, const char *name);
/* -ENOENT: there is none. */
int feed_copy_read(struct arena *arena, const struct feed_store *store, const char *name, struct text *copy);
int feed_copy_write(const struct feed_store *store, const char *name, struct text copy);

#endif
