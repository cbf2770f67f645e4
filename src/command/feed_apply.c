/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir feed update --apply: members of feeds into the kernel. It runs by itself, at any hour, while somebody
 * may be writing at the policy. So what it puts in force differs from what is in members of sets alone: were
 * the rules of the policy others than those of the state in force, it refuses. And where nothing was ever
 * applied, it applies nothing. */
#include "command/applied.h"
#include "command/command.h"
#include "command/feed.h"

#include <errno.h>
#include <stdio.h>

static const char *const rule_files[FAMILY_COUNT] = {"rules.v4", "rules.v6"};

/* As weir apply writes them into a state. */
static void print_rules(const struct ruleset *ruleset, enum family family, struct buffer *out)
{
	if (!ruleset->has_family[family])
		return;
	for (int id = 0; id < TABLE_COUNT; id++)
		if (ruleset->tables[family][id].present)
			table_print(&ruleset->tables[family][id], COUNTERS_NONE, out);
}

static int compare_family(struct state_store *store, uint32_t number, const struct ruleset *ruleset,
			  enum family family, bool *same, struct buffer *why)
{
	struct arena *arena __attribute__((cleanup(arena_cleanup))) = arena_new();
	struct text applied = {0};
	struct buffer now = {0};
	int error = arena ? state_read(store, arena, number, rule_files[family], &applied, why) : -ENOMEM;

	if (error == -ENOENT) { /* none of this family */
		why->size = 0;
		error = 0;
	}
	print_rules(ruleset, family, &now);
	if (!error && now.failed)
		error = -ENOMEM;
	*same = applied.size == now.size && (!now.size || memcmp(applied.data, now.data, now.size) == 0);
	buffer_fini(&now);
	return error;
}

/* Whether the policy has the rules that are in force. `number` 0: none is. */
static int compare_rules(const char *directory, const struct ruleset *ruleset, uint32_t *number, bool *same)
{
	struct state_store store = STATE_STORE_NONE;
	struct buffer why = {0};
	int error = state_store_open(directory, false, &store, &why), code = EXIT_DONE;

	*same = true;
	if (!error)
		error = state_current(&store, number, &why);
	for (enum family family = 0; family < FAMILY_COUNT && !error && *number && *same; family++)
		error = compare_family(&store, *number, ruleset, family, same, &why);
	if (error)
		code = applied_fail("feed", error, &why);
	buffer_fini(&why);
	state_store_close(&store);
	return code;
}

int feed_apply(const char *path, const char *directory, struct feed_store *store, bool json)
{
	const struct apply_options options = {
	    .command = "feed", .directory = directory, .paths = &path, .path_count = 1, .json = json};
	struct ruleset *ruleset __attribute__((cleanup(ruleset_cleanup))) = NULL;
	uint32_t number = 0;
	bool same;

	if (!feed_store_marked(store))
		return EXIT_DONE;
	int code = command_load_states(&path, 1, directory, &ruleset);
	if (!code)
		code = compare_rules(directory, ruleset, &number, &same);
	if (code)
		return code;
	if (!number)
		return command_fail("feed", EXIT_DONE,
				    "nothing is applied yet: the copies are kept until weir apply");
	if (!same)
		return command_fail(
		    "feed", EXIT_FINDINGS,
		    "%s has other rules than are in force: weir apply it first; its feeds are "
		    "not applied",
		    path);
	code = apply_run(&options);
	if (!code && feed_store_unmark(store))
		code = command_fail("feed", EXIT_SYSTEM, "cannot write in %s", store->path);
	return code;
}
