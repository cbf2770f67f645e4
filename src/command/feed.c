/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir feed: the feeds of a policy, fetched, judged and kept. */
#include "command/feed.h"
#include "command/applied.h"
#include "command/command.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const char help[] =
    "Usage: weir feed list [NAME...] FILE.weir\n"
    "       weir feed update [NAME...] FILE.weir [options]\n"
    "\n"
    "Feeds are members of sets that a policy has fetched every so often. list says how old each copy is, "
    "how\n"
    "many members it has, and what went wrong last. update fetches those that are due, and says what is new "
    "and\n"
    "what is gone. A version with a wrong line, without members, of which too many addresses are gone "
    "(\"shrink\n"
    "at most\"), or that covers a failsafe is refused: the last good copy stays. weir apply reads the "
    "copies.\n"
    "\n"
    "NAME: these feeds alone.\n"
    "\n"
    "  --force                 update: also those that are not due\n"
    "  --apply                 update: put new members in force, as weir apply does; only when the policy's\n"
    "                          rules are those in force\n" STATE_OPTION_HELP
    "                          the copies are in DIR/" STATE_FEEDS "\n"
    "  --json                  as JSON\n"
    "  --help\n"
    "\n"
    "Exit status: 0 done; 1 a version was refused, or --apply as the rules are others; 2 bad usage or "
    "input;\n"
    "3 one was not fetched or not kept, or the system refused.\n";

#define KEPT (90 * 86400) /* s */

struct feed_command {
	bool update, force, apply, json;
	const char *states; /* --state, or NULL */
	const char *path;   /* of the policy */
	const char *const *names;
	size_t name_count;
	/* Found. */
	struct arena *arena;
	struct source *source;
	struct policy_tree *tree;
	struct feed_named *feeds;
	size_t count, capacity;
	struct feed_store store;
	int64_t now;
	struct json_object *array;
};

static int fail_memory(void)
{
	return command_fail("feed", EXIT_SYSTEM, "out of memory");
}

/* --- The policy ---------------------------------------------------------------------------------- */

/* Without the copies: one that is bad is to be replaced. */
static int read_policy(struct feed_command *command)
{
	struct diagnostics *sink __attribute__((cleanup(diagnostics_cleanup))) = diagnostics_new();
	const struct policy_options options = {.now = (uint64_t)command->now};
	struct buffer text = {0};
	int error = sink ? policy_read_regular(command->arena, command->path, &command->source) : -ENOMEM;
	size_t size = strlen(command->path);

	if (error == -ENOMEM)
		return fail_memory();
	if (error)
		return command_fail("feed", EXIT_USAGE, "cannot read %s: %s", command->path,
				    error == -EINVAL ? "it is no regular file" : strerror(-error));
	if ((size < 5 || strcmp(command->path + size - 5, ".weir") != 0) &&
	    !policy_recognise(command->source))
		return command_fail("feed", EXIT_USAGE, "%s: this is no policy", command->path);
	error = policy_read(command->arena, sink, command->source, &options, &command->tree);
	diagnostics_print(sink, &text);
	if (text.data)
		fputs(text.data, stderr);
	buffer_fini(&text);
	if (error == -ENOMEM)
		return fail_memory();
	return error ? EXIT_USAGE : EXIT_DONE;
}

static bool is_named(const struct feed_command *command, struct text name)
{
	for (size_t i = 0; i < command->name_count; i++)
		if (text_is(name, command->names[i]))
			return true;
	return command->name_count == 0;
}

static int find_feeds(struct feed_command *command)
{
	for (size_t i = 0; i < command->tree->set_count; i++) {
		const struct policy_set *set = command->tree->sets[i];
		for (size_t j = 0; j < set->feed_count; j++) {
			const struct policy_feed *feed = &set->feeds[j];
			if (!is_named(command, feed->name))
				continue;
			struct feed_named *slot =
			    arena_push(command->arena, (void **)&command->feeds, &command->count,
				       &command->capacity, sizeof(*slot));
			char *name = arena_copy(command->arena, feed->name.data, feed->name.size);
			if (!slot || !name)
				return fail_memory();
			*slot = (struct feed_named){set, feed, name};
		}
	}
	for (size_t i = 0; i < command->name_count; i++) {
		bool found = false;
		for (size_t j = 0; j < command->count; j++)
			found |= strcmp(command->feeds[j].name, command->names[i]) == 0;
		if (!found)
			return command_fail("feed", EXIT_USAGE, "%s has no feed called %s: weir feed list %s",
					    command->path, command->names[i], command->path);
	}
	return EXIT_DONE;
}

/* --- The copies ---------------------------------------------------------------------------------- */

/* `create`: else a directory that is missing is no fault, and the store stays closed. */
static int open_store(struct feed_command *command, bool create)
{
	struct state_store states = STATE_STORE_NONE;
	struct buffer why = {0};
	char path[PATH_MAX];
	int error = state_store_open(command->states, create, &states, &why), code = EXIT_DONE;

	if (!error && snprintf(path, sizeof(path), "%s/%s", states.path, STATE_FEEDS) >= (int)sizeof(path))
		error = -ENAMETOOLONG;
	if (!error)
		error = feed_store_open(path, create, &command->store, &why);
	if (!error && create)
		error = feed_store_lock(&command->store, &why);
	if (error && (create || error != -ENOENT))
		code = applied_fail("feed", error, &why);
	state_store_close(&states);
	buffer_fini(&why);
	return code;
}

static int read_record(const struct feed_command *command, const struct feed_named *named,
		       struct arena *arena, struct feed_record *record)
{
	if (command->store.directory < 0) {
		*record = FEED_RECORD_NONE;
		return EXIT_DONE;
	}
	int error = feed_record_read(arena, &command->store, named->name, record);
	return error ? command_fail("feed", EXIT_SYSTEM, "cannot read %s/%s.about: %s", command->store.path,
				    named->name, strerror(-error))
		     : EXIT_DONE;
}

/* --- list ---------------------------------------------------------------------------------------- */

static int list(struct feed_command *command)
{
	int code = open_store(command, false);

	for (size_t i = 0; i < command->count && !code; i++) {
		const struct feed_named *named = &command->feeds[i];
		struct feed_record record;
		code = read_record(command, named, command->arena, &record);
		if (code)
			break;
		if (command->json)
			json_object_array_add(command->array, feed_record_json(named, &record, command->now));
		else
			feed_print_record(named, &record, command->now);
	}
	if (!code && !command->json && !command->count)
		puts("The policy has no feeds.");
	return code;
}

/* --- update -------------------------------------------------------------------------------------- */

static int exit_code_of(enum feed_outcome outcome)
{
	return outcome == FEED_SAME || outcome == FEED_CHANGED ? EXIT_DONE
	       : outcome == FEED_REFUSED                       ? EXIT_FINDINGS
							       : EXIT_SYSTEM;
}

/* What it takes in memory goes with it, before the next one. */
static int update_one(struct feed_command *command, const struct feed_named *named, size_t *fetched)
{
	struct arena *arena __attribute__((cleanup(arena_cleanup))) = arena_new();
	const struct feed_asked asked = {.store = &command->store,
					 .policy = command->source,
					 .set = named->set,
					 .feed = named->feed,
					 .limits = FEED_LIMITS,
					 .now = (uint64_t)command->now};
	struct feed_update update;
	struct feed_record record;

	if (!arena)
		return fail_memory();
	int code = read_record(command, named, arena, &record);
	if (code)
		return code;
	bool due = feed_due(&record, named->feed, command->now) <= command->now ||
		   /* or somebody has taken the copy away */
		   (record.changed && !*record.error && !feed_copy_exists(&command->store, named->name));
	if (!command->force && !due)
		return EXIT_DONE;
	++*fetched;
	command_progress_start("fetching a feed");
	int error = feed_update(arena, &asked, &update);
	command_progress_stop();
	if (error)
		return fail_memory();
	if (command->json)
		json_object_array_add(command->array, feed_update_json(named, &update));
	else
		feed_print_update(named, &update);
	return exit_code_of(update.outcome);
}

/* What is kept of feeds that the policy no longer has goes after a while: it may be this policy's again, or
 * another's. */
static int prune(struct feed_command *command)
{
	const char **names = arena_array(command->arena, command->count + 1, sizeof(*names));
	int error = names ? 0 : -ENOMEM;

	for (size_t i = 0; i < command->count && names; i++)
		names[i] = command->feeds[i].name;
	if (!error)
		error = feed_store_prune(&command->store, names, command->count, command->now - KEPT);
	return error ? command_fail("feed", EXIT_SYSTEM, "cannot remove old copies from %s: %s",
				    command->store.path, strerror(-error))
		     : EXIT_DONE;
}

/* One that fails keeps no other from being fetched; what the system refused outweighs what we refused. */
static int update(struct feed_command *command)
{
	size_t fetched = 0;
	int worst = command->count ? open_store(command, true) : EXIT_DONE;

	if (worst)
		return worst;
	for (size_t i = 0; i < command->count; i++) {
		int code = update_one(command, &command->feeds[i], &fetched);
		worst = code > worst ? code : worst;
	}
	if (command->count && !command->name_count) {
		int code = prune(command);
		worst = code > worst ? code : worst;
	}
	if (!command->json && !fetched)
		puts(command->count ? "No feed is due." : "The policy has no feeds.");
	return worst;
}

/* --- The command --------------------------------------------------------------------------------- */

static int run(struct feed_command *command)
{
	int code = read_policy(command);

	if (!code)
		code = find_feeds(command);
	if (code)
		return code;
	if (command->json && !(command->array = json_object_new_array()))
		return fail_memory();
	code = command->update ? update(command) : list(command);
	if (command->json) {
		int printed = command_print_json(command->array);
		code = code ? code : printed;
	}
	if (command->apply && command->store.lock >= 0) {
		int applied = feed_apply(command->path, command->states, &command->store, command->json);
		code = applied > code ? applied : code;
	}
	feed_store_close(&command->store);
	return code;
}

static int take_arguments(struct feed_command *command, int argc, char **argv)
{
	if (argc < 1)
		return command_fail("feed", EXIT_USAGE, "list or update?");
	if (strcmp(argv[0], "update") == 0)
		command->update = true;
	else if (strcmp(argv[0], "list") != 0)
		return command_fail("feed", EXIT_USAGE, "%s: list or update", argv[0]);
	if (argc < 2)
		return command_fail("feed", EXIT_USAGE, "no policy given");
	if (!command->update && (command->force || command->apply))
		return command_fail("feed", EXIT_USAGE, "--force and --apply are of update");
	command->path = argv[argc - 1];
	command->names = (const char *const *)(argv + 1);
	command->name_count = (size_t)argc - 2;
	return EXIT_DONE;
}

static int feed_main(int argc, char **argv)
{
	enum { FORCE = 256, APPLY, STATE, JSON };
	static const struct option options[] = {
	    {"force", no_argument, NULL, FORCE},       {"apply", no_argument, NULL, APPLY},
	    {"state", required_argument, NULL, STATE}, {"json", no_argument, NULL, JSON},
	    {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0}};
	struct feed_command command = {.store = FEED_STORE_NONE, .now = (int64_t)time(NULL)};
	int option, code;

	optind = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case FORCE:
			command.force = true;
			break;
		case APPLY:
			command.apply = true;
			break;
		case STATE:
			command.states = optarg;
			break;
		case JSON:
			command.json = true;
			break;
		case 'h':
			fputs(help, stdout);
			return EXIT_DONE;
		default:
			return EXIT_USAGE;
		}
	}
	code = take_arguments(&command, argc - optind, argv + optind);
	if (code)
		return code;
	command.arena = arena_new();
	code = command.arena ? run(&command) : fail_memory();
	if (command.arena)
		arena_free(command.arena);
	return code;
}

const struct command command_feed = {
    .name = "feed",
    .main = feed_main,
    .summary = "fetch the feeds of a policy; say how old they are",
};
