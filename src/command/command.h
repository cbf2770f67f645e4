/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Subcommands: one file each, in one table (main.c). Only this layer prints and exits. */
#ifndef WEIR_COMMAND_COMMAND_H
#define WEIR_COMMAND_COMMAND_H

#include "base/diagnostic.h"
#include "ruleset/ruleset.h"

#include <stdbool.h>

enum exit_code {
	EXIT_DONE = 0,
	EXIT_FINDINGS = 1,
	EXIT_USAGE = 2,     /* bad usage or input */
	EXIT_SYSTEM = 3,    /* the system refused */
	EXIT_UNDECIDED = 4, /* within the budget */
};

struct command {
	const char *name;
	int (*main)(int argc, char **argv); /* argv[0] is the name; returns enum exit_code */
	const char *summary;                /* one line of `weir help` */
};

extern const struct command command_attach, command_detach, command_status, command_counters, command_explain,
    command_replay, command_compile, command_cost, command_print, command_check, command_diff,
    command_optimize, command_export, command_apply, command_try, command_confirm, command_rollback,
    command_set, command_feed, command_daemon;

/* RULES... and --live, shared by the commands: loads, prints diagnostics to standard error on failure.
 * Returns EXIT_DONE with *ruleset, or the exit code. */
int command_load(const char *const *paths, size_t count, bool live, struct ruleset **ruleset);
/* Files, policies with what their feeds had last below that directory of states; NULL: where weir apply keeps
 * them, as in the functions above and below. */
int command_load_states(const char *const *paths, size_t count, const char *states, struct ruleset **ruleset);
/* The same of --live, of iptables alone: weir's own tables in nftables are not read. */
int command_load_iptables(struct ruleset **ruleset);
/* The same to be shown alone: of --live, what packets meet besides is read apart. */
struct live_rules;
int command_load_apart(const char *const *paths, size_t count, bool live, struct live_rules *rules);
/* "weir: attach: ..." to standard error, one line; gives `code` back. */
__attribute__((format(printf, 3, 4))) int command_fail(const char *command, int code, const char *format,
						       ...);
/* Prints usage help that every --help shows, to standard output. */
struct json_object;
/* Prints JSON and a newline to standard output and releases it; EXIT_DONE, or EXIT_SYSTEM when writing
 * failed. */
int command_print_json(struct json_object *object);

/* Between the two, what is being done and for how many seconds is shown on standard error, when that is a
 * terminal and it takes longer than one second. One at a time; `what` must stay. */
void command_progress_start(const char *what);
void command_progress_stop(void);

/* --budget: "5s", "500ms", "1G", "100000" (nodes of diagrams), into *time in nanoseconds or *nodes. false:
 * none of these. */
bool command_parse_budget(const char *text, uint64_t *time, size_t *nodes);

/* --allow LIST and the like. -1 for an unknown name. */
int command_parse_effects(const char *list, unsigned *effects);

#endif
