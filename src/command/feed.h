/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir feed: what its files share. */
#ifndef WEIR_COMMAND_FEED_H
#define WEIR_COMMAND_FEED_H

#include "feed/update.h"

#include <json-c/json.h>

/* One feed of the policy. */
struct feed_named {
	const struct policy_set *set;
	const struct policy_feed *feed;
	const char *name;
};

/* feed_print.c */
void feed_print_record(const struct feed_named *named, const struct feed_record *record, int64_t now);
struct json_object *feed_record_json(const struct feed_named *named, const struct feed_record *record,
				     int64_t now);
void feed_print_update(const struct feed_named *named, const struct feed_update *update);
struct json_object *feed_update_json(const struct feed_named *named, const struct feed_update *update);

/* feed_apply.c: puts the copies in force, when the rules of the policy are those of the state that is. The
 * exit code. */
int feed_apply(const char *path, const char *directory, struct feed_store *store, bool json);

#endif
