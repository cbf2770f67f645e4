/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir feed update --apply: members of feeds into the kernel. It runs by itself, at any hour, while somebody
 * may be writing at the policy. So the rules that it puts in force are those that are: were the rules of the
 * policy others than those of the state in force, it refuses. What else the policy says is applied with the
 * members of feeds: members of its sets that were edited, and settings of conntrack. And where nothing was
 * ever applied, it applies nothing. */
#include "command/applied.h"
#include "command/command.h"
#include "command/feed.h"

#include <errno.h>
#include <stdio.h>

struct wanted {
	const char *path;
	bool nothing; /* was ever applied */
};

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

/* What is read is what is compared, and what is applied. */
static int admit(void *context, const struct ruleset *ruleset, struct state_store *store, uint32_t current)
{
	struct wanted *wanted = context;
	struct buffer why = {0};
	bool same = true;
	int error = 0, code = EXIT_DONE;

	wanted->nothing = !current;
	if (!current)
		return command_fail("feed", EXIT_FINDINGS,
				    "nothing is applied yet: the copies are kept until weir apply");
	for (enum family family = 0; family < FAMILY_COUNT && !error && same; family++)
		error = compare_family(store, current, ruleset, family, &same, &why);
	if (error)
		code = applied_fail("feed", error, &why);
	else if (!same)
		code = command_fail(
		    "feed", EXIT_FINDINGS,
		    "%s has other rules than are in force: weir apply it first; its feeds are not applied",
		    wanted->path);
	buffer_fini(&why);
	return code;
}

int feed_apply(const char *path, const char *directory, struct feed_store *store, bool json)
{
	struct wanted wanted = {.path = path};
	const struct apply_options options = {.command = "feed",
					      .directory = directory,
					      .paths = &path,
					      .path_count = 1,
					      .json = json,
					      .admit = admit,
					      .context = &wanted};

	if (!feed_store_marked(store))
		return EXIT_DONE;
	int code = apply_run(&options);
	if (!code && feed_store_unmark(store))
		code = command_fail("feed", EXIT_SYSTEM, "cannot write in %s", store->path);
	return wanted.nothing ? EXIT_DONE : code;
}
