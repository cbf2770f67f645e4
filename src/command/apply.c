/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir apply: rules into the kernel's nftables, in tables that are weir's own.
 *
 * What the rules become is loaded first where nobody is, read back from there, and compared with what the
 * rules mean; only that is then put in force, in one transaction, and read back again. */
#include "command/applied.h"
#include "command/apply_members.h"
#include "command/command.h"
#include "command/early_state.h"
#include "command/prove.h"
#include "command/set_lists.h"
#include "kernel/nft_stage.h"
#include "kernel/state_overlay.h"
#include "nftables/nft.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <time.h>

static const char help[] =
    "Usage: weir apply RULES... [options]\n"
    "\n"
    "Makes the rules those of the kernel: in nftables, in tables \"ip weir\" and \"ip6 weir\". Nothing else "
    "is\n"
    "touched. They are tried and proven in a network namespace of their own first, then switched in one "
    "step;\n"
    "what stays as it was keeps its counters. The last five states are kept: weir rollback.\n"
    "To the devices of a policy's interface statements early drop is attached, where the host allows it;\n"
    "XDP follows each change.\n"
    "\n"
    "RULES: a policy, files of iptables-save, ip6tables-save, ipset save or nft, or a directory like "
    "/etc/iptables\n"
    "\n"
    "  --dry-run               try and prove it, and say what would change\n" STATE_OPTION_HELP
    "  --json                  as JSON\n"
    "  --help\n"
    "\n"
    "Exit status: 0 done, 2 bad usage or input, 3 the system refused, 4 not proven within the budget.\n";

#define BEFORE_SIZE (4u << 20) /* bytes: what was there is kept once more, as it costs little */

struct apply {
	const struct apply_options *options;
	struct ruleset *ruleset;
	struct buffer script; /* whole */
	struct large_sets large;
	struct buffer tried; /* the script with a few members of large sets */
	struct buffer watch; /* what the daemon is to look after */
	struct buffer lists; /* what weir set must know */
	struct nft_image *image;
	struct state_store store;
	struct sysctls now, next; /* settings of the state in force, and of the new one */
	struct arena *arena;
	uint32_t current;
	struct buffer devices; /* of early drop, as a state has them */
	struct early_report early;
};

static int fail(const struct apply *apply, int code, const char *text)
{
	return command_fail(apply->options->command, code, "%s", text);
}

/* --- What it becomes */

static int print_script(struct apply *apply, struct buffer *script)
{
	struct diagnostics *sink __attribute__((cleanup(diagnostics_cleanup))) = diagnostics_new();
	struct buffer text = {0};
	static const struct nft_options options = {.counters = true};
	int error = sink ? nft_print_with(apply->ruleset, &options, script, sink) : -ENOMEM;

	if (sink && script == &apply->script)
		diagnostics_print(sink, &text);
	if (text.data)
		fputs(text.data, stderr);
	buffer_fini(&text);
	if (error == -EINVAL)
		return fail(apply, EXIT_USAGE,
			    "the rules have no exact form in nftables: nothing was changed");
	return error ? fail(apply, EXIT_SYSTEM, strerror(-error)) : EXIT_DONE;
}

static int stage(struct apply *apply)
{
	struct buffer why = {0};
	int error, code = EXIT_DONE;

	command_progress_start("trying the rules");
	error = nft_stage((struct text){apply->tried.data, apply->tried.size}, &apply->image, &why);
	command_progress_stop();
	if (error)
		code = command_fail(apply->options->command, EXIT_SYSTEM, "%s: nothing was changed",
				    why.data ? why.data : strerror(-error));
	buffer_fini(&why);
	return code;
}

/* What is to be in the kernel, tried and proven. */
static int make_image(struct apply *apply)
{
	int code, error = large_sets_cut(apply->arena, apply->ruleset, &apply->large);

	if (error)
		return fail(apply, EXIT_SYSTEM, strerror(-error));
	code = print_script(apply, &apply->tried);
	if (!code)
		code = stage(apply);
	if (!code)
		code = rules_prove(apply->options->command, apply->ruleset,
				   (struct text){apply->tried.data, apply->tried.size});
	large_sets_restore(&apply->large);
	if (code)
		return code;
	error = large_sets_fill(&apply->large, &apply->image);
	return error ? fail(apply, EXIT_SYSTEM, strerror(-error)) : EXIT_DONE;
}

/* --- On disk */

#define FILES 10

struct files {
	struct buffer texts[FILES];
	struct state_file list[FILES];
	size_t count;
};

static void add_file(struct files *files, const char *name, struct text text)
{
	files->list[files->count++] = (struct state_file){name, text};
}

static void add_buffer(struct files *files, const char *name, const struct buffer *text)
{
	add_file(files, name, (struct text){text->data ? text->data : "", text->size});
}

/* The rules as they were read: `weir diff DIRECTORY/states/NUMBER ...` takes them. */
static void add_rules(struct files *files, const struct ruleset *ruleset)
{
	for (int family = 0; family < FAMILY_COUNT; family++) {
		struct buffer *text = &files->texts[family];
		if (!ruleset->has_family[family])
			continue;
		for (int id = 0; id < TABLE_COUNT; id++)
			if (ruleset->tables[family][id].present)
				table_print(&ruleset->tables[family][id], COUNTERS_NONE, text);
		add_buffer(files, state_rule_files[family], text);
	}
	ruleset_print_sets(ruleset, &files->texts[FAMILY_COUNT]);
	if (files->texts[FAMILY_COUNT].size)
		add_buffer(files, STATE_SETS, &files->texts[FAMILY_COUNT]);
}

static bool any_failed(const struct files *files)
{
	for (size_t i = 0; i < FILES; i++)
		if (files->texts[i].failed)
			return true;
	return false;
}

/* What is there now is part of the state when it is small, or not what the state before says. */
static int needs_before(struct apply *apply, const struct nft_image *live, bool *needed, struct buffer *why)
{
	struct nft_image *image __attribute__((cleanup(nft_image_cleanup))) = NULL;
	struct buffer first = {0};
	int error = 0;

	*needed = true;
	if (live->raw.size > BEFORE_SIZE && apply->current) {
		error = state_image(&apply->store, apply->arena, apply->current, false, &image, why);
		if (error == -EBADMSG || error == -ENOENT) {
			why->size = 0;
			return 0;
		}
		if (!error)
			error = nft_image_differs(live, image, needed, &first);
	}
	buffer_fini(&first);
	return error;
}

static int put_state(struct apply *apply, const struct nft_image *live, uint32_t number, struct buffer *why)
{
	struct state state = {.number = number, .previous = apply->current, .time = (int64_t)time(NULL)};
	struct files files = {.count = 0};
	struct buffer rules = {0}, sysctls = {0};
	bool before;
	int error = needs_before(apply, live, &before, why);

	for (size_t i = 0; i < apply->options->path_count; i++)
		buffer_printf(&rules, "%s%s", i ? " " : "", apply->options->paths[i]);
	state.rules = rules.data ? rules.data : "";
	sysctls_print(&apply->next, &sysctls);
	add_buffer(&files, STATE_SCRIPT, &apply->script);
	add_file(&files, STATE_IMAGE, apply->image->raw);
	add_buffer(&files, STATE_SYSCTLS, &sysctls);
	if (apply->watch.size)
		add_buffer(&files, STATE_WATCH, &apply->watch);
	if (apply->devices.size)
		add_buffer(&files, STATE_EARLY, &apply->devices);
	if (apply->lists.size)
		add_buffer(&files, STATE_LISTS, &apply->lists);
	if (!error && before)
		add_file(&files, STATE_BEFORE, live->raw);
	add_rules(&files, apply->ruleset);
	if (!error && (rules.failed || sysctls.failed || any_failed(&files)))
		error = -ENOMEM;
	if (!error)
		error = state_put(&apply->store, &state, files.list, files.count, why);
	for (size_t i = 0; i < FILES; i++)
		buffer_fini(&files.texts[i]);
	buffer_fini(&rules);
	buffer_fini(&sysctls);
	return error;
}

/* --- In force */

struct trial {
	struct state_store *store;
	uint64_t deadline;
};

static int start_holder(void *context)
{
	const struct trial *trial = context;

	return holder_start(trial->store, trial->deadline);
}

/* Settings that are not what they shall be, by what the kernel says now; others may have changed them. */
static size_t count_settings(struct apply *apply, struct json_object *list, bool print)
{
	const struct sysctls *now = &apply->now, *next = &apply->next;
	size_t count = 0;

	for (size_t i = 0; i < next->count + now->count; i++) {
		bool back = i >= next->count;
		const struct sysctl *setting = back ? &now->list[i - next->count] : &next->list[i];
		const char *value = back ? setting->first : setting->value, *is;
		bool kept = false;
		for (size_t k = 0; back && k < next->count; k++)
			kept |= strcmp(next->list[k].name, setting->name) == 0;
		if (kept || !value || sysctl_read(apply->arena, setting->name, &is) || strcmp(is, value) == 0)
			continue;
		count++;
		if (print)
			printf("  setting %s: %s, was %s\n", setting->name, value, is);
		if (list) {
			struct json_object *object = json_object_new_object();
			json_object_object_add(object, "name", json_object_new_string(setting->name));
			json_object_object_add(object, "value", json_object_new_string(value));
			json_object_object_add(object, "was", json_object_new_string(is));
			json_object_array_add(list, object);
		}
	}
	return count;
}

static void report(struct apply *apply, const struct nft_changes *changes, uint32_t number, bool done)
{
	const struct apply_options *options = apply->options;
	bool settings = !done && count_settings(apply, NULL, false);

	if (options->json) {
		struct json_object *object = json_object_new_object();
		json_object_object_add(object, "changed", json_object_new_boolean(done && number));
		json_object_object_add(object, "state",
				       json_object_new_int64(number ? number : apply->current));
		json_object_object_add(object, "dry_run", json_object_new_boolean(options->dry_run));
		if (options->timeout && number)
			json_object_object_add(object, "confirm_within",
					       json_object_new_int64((int64_t)options->timeout));
		json_object_object_add(object, "changes", applied_changes_json(changes));
		if (!done) {
			struct json_object *list = json_object_new_array();
			count_settings(apply, list, false);
			json_object_object_add(object, "settings", list);
		}
		json_object_object_add(object, "early", early_report_json(&apply->early));
		command_print_json(object);
		return;
	}
	if (!changes->count && !number && !settings) {
		puts(options->dry_run ? "Nothing would change."
				      : "Nothing to change: the kernel has these rules.");
		applied_early(options->command, &apply->early, true);
		return;
	}
	puts(done && !changes->count ? "The kernel has these rules." : done ? "Applied:" : "Would change:");
	applied_changes_print(changes);
	if (settings)
		count_settings(apply, NULL, true);
	applied_early(options->command, &apply->early, true);
	if (done)
		printf("State %" PRIu32 ".\n", number);
	if (done && options->timeout)
		printf("Taken back in %" PRIu64 " s unless: weir confirm\n", options->timeout);
}

static int move(struct apply *apply, const struct nft_image *live)
{
	struct trial trial = {.store = &apply->store,
			      .deadline = state_clock() + apply->options->timeout * 1000000000};
	struct state_move move = {.number = state_next(&apply->store)};
	struct buffer why = {0};
	int code = EXIT_DONE, error = put_state(apply, live, move.number, &why);

	move.kind = apply->options->timeout ? STATE_PENDING_TRY : STATE_PENDING_APPLY;
	move.source = move.number;
	move.deadline = trial.deadline;
	if (apply->options->timeout) {
		move.ready = start_holder;
		move.context = &trial;
	}
	if (!error) {
		error = early_move(&apply->store, &move, apply->image, &apply->early, &why);
		if (error && !move.left)
			state_remove(&apply->store, move.number);
	}
	if (error && move.left) {
		code =
		    command_fail(apply->options->command, EXIT_SYSTEM,
				 "%s; the next weir apply, confirm, rollback or set tries to put back what "
				 "was before",
				 why.data ? why.data : strerror(-error));
	} else if (error) {
		code = command_fail(apply->options->command, EXIT_SYSTEM, "%s: nothing was changed",
				    why.data ? why.data : strerror(-error));
	} else {
		report(apply, move.changes, move.number, true);
		apply_mirrors_note(apply->options->command, apply->ruleset);
		applied_note(apply->options->command, &why);
		state_prune(&apply->store, move.number, apply->current);
		code = apply->early.error ? EXIT_SYSTEM : EXIT_DONE;
	}
	state_move_fini(&move);
	buffer_fini(&why);
	return code;
}

/* Whether the state in force has that file as it is now: what the daemon and weir set do goes by them. */
static bool file_same(struct apply *apply, const char *name, const struct buffer *now)
{
	struct buffer why = {0};
	struct text text = {0};

	if (apply->current)
		state_read(&apply->store, apply->arena, apply->current, name, &text, &why);
	buffer_fini(&why);
	return text_equal(text, (struct text){now->data, now->size});
}

/* The kernel has the rules: XDP is to have what they drop early, as devices and the host may be others now.
 */
static int stay(struct apply *apply, const struct nft_changes *changes)
{
	struct buffer why = {0};
	int error = early_widen(&apply->store, apply->current, NULL, false, &apply->early, &why);

	if (error)
		command_fail(apply->options->command, EXIT_SYSTEM, "early drop: %s",
			     why.data ? why.data : strerror(-error));
	buffer_fini(&why);
	report(apply, changes, 0, false);
	return error ? EXIT_SYSTEM : EXIT_DONE;
}

static int rehearse(struct apply *apply, const struct nft_changes *changes)
{
	int error = early_rehearse(apply->ruleset, apply->image, &apply->early);

	if (error)
		return fail(apply, EXIT_SYSTEM, strerror(-error));
	report(apply, changes, 0, false);
	return EXIT_DONE;
}

/* Compares with what is in force, and puts it in force when it is anything else. */
static int switch_over(struct apply *apply)
{
	struct nft_changes *changes __attribute__((cleanup(nft_changes_cleanup))) = NULL;
	struct nft_image *live __attribute__((cleanup(nft_image_cleanup))) = NULL;
	struct buffer why = {0};
	int error = nft_image_read(&live, &why);

	/* backends that the daemon has taken out are no change of the rules */
	if (!error && state_overlay_held(&apply->store))
		error = state_overlay_lift(&apply->store, apply->current, &live);
	if (!error)
		error = nft_changes_find(live, apply->image, &changes);
	if (!error)
		error = state_sysctls_left(&apply->store, apply->arena, apply->current, &apply->now);
	if (!error)
		error = apply_settings(apply->arena, apply->ruleset, &apply->next);
	if (!error)
		error = sysctls_remember(apply->arena, &apply->now, &apply->next, &why);
	if (error) {
		int code = command_fail(apply->options->command, EXIT_SYSTEM, "%s: nothing was changed",
					why.data ? why.data : strerror(-error));
		buffer_fini(&why);
		return code;
	}
	if (apply->options->dry_run)
		return rehearse(apply, changes);
	if (!changes->count && !count_settings(apply, NULL, false) && apply->current &&
	    file_same(apply, STATE_WATCH, &apply->watch) && file_same(apply, STATE_LISTS, &apply->lists) &&
	    file_same(apply, STATE_EARLY, &apply->devices))
		return stay(apply, changes);
	return move(apply, live);
}

static int open_store(struct apply *apply)
{
	struct buffer why = {0};
	int error, code;

	if (apply->options->dry_run) {
		/* Nothing is written, and nobody kept from working; without states there are none. */
		error = state_store_open(apply->options->directory, false, &apply->store, &why);
		why.size = 0;
		if (!error)
			error = state_current(&apply->store, &apply->current, &why);
		code = error && error != -ENOENT ? applied_fail(apply->options->command, error, &why)
						 : EXIT_DONE;
	} else {
		code =
		    applied_open(apply->options->command, apply->options->directory, 0, &apply->store, NULL);
		error = code ? 0 : state_current(&apply->store, &apply->current, &why);
		if (error)
			code = applied_fail(apply->options->command, error, &why);
	}
	buffer_fini(&why);
	return code;
}

/* What a state has besides its rules. */
static int print_files(struct apply *apply)
{
	struct early_devices devices;
	int error = early_devices_of(apply->arena, apply->ruleset, &devices);

	if (!error)
		early_devices_print(&devices, &apply->devices);
	apply_watch(apply->ruleset, &apply->watch);
	set_lists_print(apply->ruleset, &apply->lists);
	if (!error && (apply->watch.failed || apply->devices.failed || apply->lists.failed))
		error = -ENOMEM;
	return error ? fail(apply, EXIT_SYSTEM, strerror(-error)) : EXIT_DONE;
}

int apply_run(const struct apply_options *options)
{
	struct apply apply = {.options = options, .store = STATE_STORE_NONE, .arena = arena_new()};
	int code = apply.arena ? command_load_states(options->paths, options->path_count, options->directory,
						     &apply.ruleset)
			       : EXIT_SYSTEM;

	if (!code)
		code = print_script(&apply, &apply.script);
	if (!code)
		code = print_files(&apply);
	if (!code)
		code = open_store(&apply);
	if (!code && options->admit)
		code = options->admit(options->context, apply.ruleset, &apply.store, apply.current);
	/* What goes on by itself is not to fail as a link is down. */
	if (!code && !options->admit)
		code = apply_mirrors(options->command, apply.ruleset);
	if (!code && !options->dry_run)
		code = applied_no_early_drop(options->command);
	if (!code)
		code = make_image(&apply);
	if (!code)
		code = switch_over(&apply);
	if (!code && !options->dry_run && apply.watch.size && !state_overlay_held(&apply.store))
		command_fail(options->command, EXIT_DONE,
			     "backends are checked, and \"warn at\" warns, while weir daemon runs, which it "
			     "does not");
	state_store_close(&apply.store);
	nft_image_free(apply.image);
	buffer_fini(&apply.script);
	buffer_fini(&apply.tried);
	buffer_fini(&apply.watch);
	buffer_fini(&apply.lists);
	buffer_fini(&apply.devices);
	early_report_fini(&apply.early);
	ruleset_free(apply.ruleset);
	if (apply.arena)
		arena_free(apply.arena);
	return code;
}

static int apply_main(int argc, char **argv)
{
	enum { DRY_RUN = 256, STATE, JSON };
	static const struct option options[] = {{"dry-run", no_argument, NULL, DRY_RUN},
						{"state", required_argument, NULL, STATE},
						{"json", no_argument, NULL, JSON},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	struct apply_options asked = {.command = "apply"};
	int option;

	optind = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case DRY_RUN:
			asked.dry_run = true;
			break;
		case STATE:
			asked.directory = optarg;
			break;
		case JSON:
			asked.json = true;
			break;
		case 'h':
			fputs(help, stdout);
			return EXIT_DONE;
		default:
			return EXIT_USAGE;
		}
	}
	asked.paths = (const char *const *)(argv + optind);
	asked.path_count = (size_t)(argc - optind);
	return apply_run(&asked);
}

const struct command command_apply = {
    .name = "apply",
    .main = apply_main,
    .summary = "make rules those of the kernel, in one step, with a way back",
};
