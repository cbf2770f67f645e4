/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What apply, try, confirm, rollback and set share: where states are kept, what a killed process left, and
 * what was done in words. */
#ifndef WEIR_COMMAND_APPLIED_H
#define WEIR_COMMAND_APPLIED_H

#include "command/early_apply.h"
#include "ruleset/ruleset.h"

struct json_object;

#define STATE_OPTION_HELP                                                                                    \
	"  --state DIR             where states are kept: " STATE_DIRECTORY                                  \
	", in a network namespace with a\n"                                                                  \
	"                          name " STATE_DIRECTORY "/netns/NAME\n"

/* Opens and locks the store, and finishes what was left. EXIT_DONE, or the exit code. `trial`, when one is
 * running: kind is STATE_PENDING_TRY; where it is NULL a running trial is a failure. `wait`: for the lock, in
 * seconds. */
int applied_open(const char *command, const char *directory, unsigned wait, struct state_store *store,
		 struct state_pending *trial);

/* Whether weir drops early nowhere by other rules than those that are applied: of these nobody looks after
 * what XDP drops while they change. EXIT_DONE, or the exit code. */
int applied_no_early_drop(const char *command);
/* Tells what became of early drop: `all`, or only what is no longer so. EXIT_SYSTEM where something that had
 * to go is still there. */
int applied_early(const char *command, const struct early_report *report, bool all);

/* What is to be told though all went well; nothing where there is nothing. */
void applied_note(const char *command, const struct buffer *why);
/* "weir: apply: ...: nothing was changed" */
int applied_fail(const char *command, int error, const struct buffer *why);

/* What is new on the way from one state of weir's tables to another: an array, or lines. */
struct json_object *applied_changes_json(const struct nft_changes *changes);
void applied_changes_print(const struct nft_changes *changes);

/* Seconds until a deadline, at least 0. */
uint64_t applied_seconds_left(uint64_t deadline);

/* What `weir apply` and `weir try` do. `timeout` in seconds, 0: no trial. */
struct apply_options {
	const char *command; /* "apply", "try" */
	const char *directory;
	const char *const *paths;
	size_t path_count;
	bool dry_run, json;
	uint64_t timeout;
	/* Asked before anything is done, with the store open, and locked but for a dry run: EXIT_DONE, or the
	 * exit code with which it ends. NULL: nobody is. */
	int (*admit)(void *context, const struct ruleset *ruleset, struct state_store *store,
		     uint32_t current);
	void *context;
};
int apply_run(const struct apply_options *options);

/* apply_settings.c: what policies among the rules ask of the kernel's settings. 0 or -errno. */
int apply_settings(struct arena *arena, const struct ruleset *ruleset, struct sysctls *settings);

/* apply_mirrors.c: whether the receivers of policies' mirrors are on the links that they are said to be on:
 * EXIT_DONE, or the exit code. What mirrors cannot do, told where there are any. */
int apply_mirrors(const char *command, const struct ruleset *ruleset);
void apply_mirrors_note(const char *command, const struct ruleset *ruleset);

/* apply_watch.c: what weir daemon is to look after while the rules are in force, as a policy; nothing: "". */
#define STATE_WATCH "watch.weir" /* of a state */
void apply_watch(const struct ruleset *ruleset, struct buffer *out);

/* try.c: starts the process that takes the trial back. Its lock is held before this returns. 0 or -errno. */
int holder_start(struct state_store *store, uint64_t deadline);

#endif
