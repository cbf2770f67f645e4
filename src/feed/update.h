/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One feed brought up to date: fetched, judged, and kept on disk. */
#ifndef WEIR_FEED_UPDATE_H
#define WEIR_FEED_UPDATE_H

#include "feed/fetch.h"
#include "feed/judge.h"
#include "feed/store.h"

#define FEED_RETRY 3600 /* s: after a failure, unless the feed is due earlier */

enum feed_outcome {
	FEED_SAME,        /* what the copy is already */
	FEED_CHANGED,     /* the copy is the new one */
	FEED_REFUSED,     /* what came may not take the place of the last good copy */
	FEED_UNREACHABLE, /* nothing came */
	FEED_NOT_KEPT,    /* the disk would not have it */
	FEED_OUTCOMES,
};
extern const char *const feed_outcome_names[FEED_OUTCOMES];

struct feed_update {
	enum feed_outcome outcome;
	struct feed_change change; /* of FEED_CHANGED; before and after are the same of FEED_SAME */
	const char *why;           /* "" but for failures */
};

struct feed_asked {
	const struct feed_store *store; /* locked */
	const struct source *policy;
	const struct policy_set *set;
	const struct policy_feed *feed;
	struct feed_limits limits;
	uint64_t now; /* seconds since 1970 */
};

/* When it is to be fetched next; 0 or what is past: now. */
int64_t feed_due(const struct feed_record *record, const struct policy_feed *feed, int64_t now);

/* Whatever happens, the last good copy stays whole; only one that was judged good takes its place. 0 with the
 * outcome; -ENOMEM. */
int feed_update(struct arena *arena, const struct feed_asked *asked, struct feed_update *update);

#endif
