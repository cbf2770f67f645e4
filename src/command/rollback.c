/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir rollback: back to a state that was applied before, or to what was there before the last one. What it
 * takes is on disk: neither the nft program nor the files that the rules came from. */
#include "command/applied.h"
#include "command/command.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <time.h>

static const char help[] =
    "Usage: weir rollback [NUMBER] [options]\n"
    "       weir rollback --list\n"
    "\n"
    "Puts back what was in force before the state that is, rules, sets and settings; or the state of that\n"
    "number; 0 is none: weir's tables are taken away. A running trial is ended.\n"
    "\n"
    "  --list                  the states that are kept\n"
    "  --dry-run               say what would change\n" STATE_OPTION_HELP
    "  --json                  as JSON\n"
    "  --help\n"
    "\n"
    "Exit status: 0 done, 1 there is nothing to go back to, 2 bad usage, 3 the system refused.\n";

#define LOCK_WAIT 10 /* s */

struct rollback {
	const char *directory;
	bool list, dry_run, json, has_number;
	uint32_t number;
	struct state_store store;
	struct arena *arena;
	struct early_report early;
};

static int fail(int error, const struct buffer *why)
{
	return applied_fail("rollback", error, why);
}

/* --- The list */

static struct json_object *state_json(const struct state *state, uint32_t current,
				      const struct state_pending *trial)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "state", json_object_new_int64(state->number));
	json_object_object_add(object, "previous", json_object_new_int64(state->previous));
	json_object_object_add(object, "time", json_object_new_int64(state->time));
	json_object_object_add(object, "rules", json_object_new_string(state->rules));
	json_object_object_add(
	    object, "in_force",
	    json_object_new_boolean(trial->kind ? state->number == trial->number : state->number == current));
	if (trial->kind && state->number == trial->number)
		json_object_object_add(object, "confirm_within",
				       json_object_new_int64((int64_t)applied_seconds_left(trial->deadline)));
	return object;
}

static void print_state(const struct state *state, uint32_t current, const struct state_pending *trial)
{
	char when[64] = "";
	time_t seconds = (time_t)state->time;
	struct tm local;
	struct buffer rules = {0};

	if (localtime_r(&seconds, &local))
		strftime(when, sizeof(when), "%F %T", &local);
	buffer_puts(&rules, state->rules);
	printf("%c %5" PRIu32 "  %s  %s", !trial->kind && state->number == current ? '*' : ' ', state->number,
	       when, rules.data ? rules.data : "");
	if (trial->kind && state->number == trial->number)
		printf("  (on trial, %" PRIu64 " s left)", applied_seconds_left(trial->deadline));
	puts("");
	buffer_fini(&rules);
}

/* Without the lock: it changes nothing. */
static int list(struct rollback *rollback)
{
	struct state_pending trial = {0};
	struct state *states = NULL;
	struct buffer why = {0};
	size_t count = 0, damaged = 0;
	uint32_t current = 0;
	int error = state_store_open(rollback->directory, false, &rollback->store, &why), code = EXIT_DONE;

	if (error == -ENOENT) {
		error = 0; /* nothing was ever applied */
	} else if (!error) {
		error = state_list(&rollback->store, rollback->arena, &states, &count, &damaged);
		if (!error)
			error = state_current(&rollback->store, &current, &why);
		if (!error)
			error = state_pending(&rollback->store, &trial, &why);
		if (trial.kind != STATE_PENDING_TRY || state_pending_of_old(&trial))
			trial.kind = STATE_PENDING_NONE;
	}
	if (error) {
		code = fail(error, &why);
	} else if (rollback->json) {
		struct json_object *array = json_object_new_array();
		for (size_t i = 0; i < count; i++)
			json_object_array_add(array, state_json(&states[i], current, &trial));
		code = command_print_json(array);
	} else {
		for (size_t i = 0; i < count; i++)
			print_state(&states[i], current, &trial);
		if (!count)
			puts("No states are kept.");
	}
	if (damaged)
		command_fail("rollback", EXIT_DONE, "%zu damaged state%s left out", damaged,
			     damaged == 1 ? " is" : "s are");
	buffer_fini(&why);
	return code;
}

/* --- Going back */

static void report(const struct rollback *rollback, const struct nft_changes *changes, uint32_t number)
{
	if (rollback->json) {
		struct json_object *object = json_object_new_object();
		json_object_object_add(object, "state", json_object_new_int64(number));
		json_object_object_add(object, "dry_run", json_object_new_boolean(rollback->dry_run));
		json_object_object_add(object, "changes", applied_changes_json(changes));
		if (!rollback->dry_run)
			json_object_object_add(object, "early", early_report_json(&rollback->early));
		command_print_json(object);
		return;
	}
	puts(rollback->dry_run ? "Would change:" : "Rolled back:");
	applied_changes_print(changes);
	applied_early("rollback", &rollback->early, true);
	printf(rollback->dry_run ? "To state %" PRIu32 ".\n" : "State %" PRIu32 ".\n", number);
}

/* The image of a state names an interface by its number, which another may have by now, or none. */
static void warn_of_copies(struct rollback *rollback, uint32_t number)
{
	static const char words[] = "device \"";
	struct buffer why = {0};
	struct text script;

	if (number && !state_read(&rollback->store, rollback->arena, number, STATE_SCRIPT, &script, &why)) {
		const char *end = script.data + script.size;
		const char *name = memmem(script.data, script.size, words, sizeof(words) - 1);
		if (name) {
			name += sizeof(words) - 1;
			const char *quote = memchr(name, '"', (size_t)(end - name));
			command_fail(
			    "rollback", EXIT_DONE,
			    "copies are sent by %.*s again, which the kernel knows by its number: if it "
			    "was made anew since, weir apply the rules of that state",
			    (int)((quote ? quote : end) - name), name);
		}
	}
	buffer_fini(&why);
}

/* What would change, without changing it. */
static int rehearse(struct rollback *rollback, const struct state_move *move, struct buffer *why)
{
	struct nft_changes *changes __attribute__((cleanup(nft_changes_cleanup))) = NULL;
	struct nft_image *live __attribute__((cleanup(nft_image_cleanup))) = NULL;
	struct nft_image *target __attribute__((cleanup(nft_image_cleanup))) = NULL;
	int error = state_image(&rollback->store, rollback->arena, move->source, move->before, &target, why);

	if (!error)
		error = nft_image_read(&live, why);
	if (!error)
		error = nft_changes_find(live, target, &changes);
	if (error)
		return fail(error, why);
	report(rollback, changes, move->number);
	return EXIT_DONE;
}

static int end_trial(struct rollback *rollback, const struct state_pending *trial, struct buffer *why)
{
	int error = early_end_trial(&rollback->store, trial, &rollback->early, why);

	if (error)
		return fail(error, why);
	warn_of_copies(rollback, trial->from);
	if (rollback->json) {
		struct json_object *object = json_object_new_object();
		json_object_object_add(object, "state", json_object_new_int64(trial->from));
		json_object_object_add(object, "trial_ended", json_object_new_int64(trial->number));
		json_object_object_add(object, "early", early_report_json(&rollback->early));
		command_print_json(object);
		return rollback->early.error ? EXIT_SYSTEM : EXIT_DONE;
	}
	int code = applied_early("rollback", &rollback->early, true);
	printf("The trial of state %" PRIu32 " was ended. State %" PRIu32 ".\n", trial->number, trial->from);
	return code;
}

static int go_back(struct rollback *rollback, struct buffer *why)
{
	struct nft_image *target __attribute__((cleanup(nft_image_cleanup))) = NULL;
	struct state_move move = {.kind = STATE_PENDING_ROLLBACK};
	uint32_t current = 0;
	struct state state;
	int code = EXIT_DONE, error = state_current(&rollback->store, &current, why);

	if (!error && rollback->has_number) {
		move.number = move.source = rollback->number;
		if (rollback->number)
			error = state_get(&rollback->store, rollback->arena, rollback->number, &state, why);
	} else if (!error && !current) {
		return command_fail("rollback", EXIT_FINDINGS, "no state of weir's is in force");
	} else if (!error) {
		error = state_get(&rollback->store, rollback->arena, current, &state, why);
		move.number = state.previous;
		move.source = current;
		move.before = true;
	}
	if (error)
		return fail(error, why);
	if (rollback->dry_run)
		return rehearse(rollback, &move, why);
	error = state_image(&rollback->store, rollback->arena, move.source, move.before, &target, why);
	if (!error)
		error = early_move(&rollback->store, &move, target, &rollback->early, why);
	if (error) {
		code = fail(error, why);
		if (move.left)
			command_fail("rollback", EXIT_SYSTEM,
				     "the next weir apply, confirm, rollback or set goes on with that");
	} else {
		report(rollback, move.changes, move.number);
		warn_of_copies(rollback, move.number);
		code = rollback->early.error ? EXIT_SYSTEM : EXIT_DONE;
	}
	state_move_fini(&move);
	return code;
}

static int refuse_trial(void)
{
	return command_fail("rollback", EXIT_SYSTEM,
			    "a trial is running: end it first with weir rollback, or keep it with weir "
			    "confirm");
}

/* Without the lock, and nothing is made: it changes nothing. */
static int dry_run(struct rollback *rollback, struct buffer *why)
{
	struct state_pending trial = {0};
	struct state_move move;
	int error = state_store_open(rollback->directory, false, &rollback->store, why);

	if (error == -ENOENT)
		return command_fail("rollback", EXIT_FINDINGS, "no state of weir's is in force");
	if (!error)
		error = state_pending(&rollback->store, &trial, why);
	if (error)
		return fail(error, why);
	if (trial.kind != STATE_PENDING_TRY || state_pending_of_old(&trial))
		return go_back(rollback, why);
	if (rollback->has_number)
		return refuse_trial();
	move = (struct state_move){.number = trial.from, .source = trial.source, .before = true};
	return rehearse(rollback, &move, why);
}

static int run(struct rollback *rollback)
{
	struct state_pending trial;
	struct buffer why = {0};
	int code;

	if (rollback->list)
		return list(rollback);
	if (rollback->dry_run) {
		code = dry_run(rollback, &why);
		buffer_fini(&why);
		return code;
	}
	code = applied_open("rollback", rollback->directory, LOCK_WAIT, &rollback->store, &trial);
	if (!code)
		code = applied_no_early_drop("rollback");
	if (code)
		return code;
	if (trial.kind == STATE_PENDING_TRY && rollback->has_number)
		code = refuse_trial();
	else if (trial.kind == STATE_PENDING_TRY)
		code = end_trial(rollback, &trial, &why);
	else
		code = go_back(rollback, &why);
	if (!code)
		applied_note("rollback", &why);
	buffer_fini(&why);
	return code;
}

static int rollback_main(int argc, char **argv)
{
	enum { LIST = 256, DRY_RUN, STATE, JSON };
	static const struct option options[] = {
	    {"list", no_argument, NULL, LIST},         {"dry-run", no_argument, NULL, DRY_RUN},
	    {"state", required_argument, NULL, STATE}, {"json", no_argument, NULL, JSON},
	    {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0}};
	struct rollback rollback = {.store = STATE_STORE_NONE};
	uint64_t number;
	int option, code;

	optind = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case LIST:
			rollback.list = true;
			break;
		case DRY_RUN:
			rollback.dry_run = true;
			break;
		case STATE:
			rollback.directory = optarg;
			break;
		case JSON:
			rollback.json = true;
			break;
		case 'h':
			fputs(help, stdout);
			return EXIT_DONE;
		default:
			return EXIT_USAGE;
		}
	}
	if (argc - optind > 1 || (rollback.list && optind < argc))
		return command_fail("rollback", EXIT_USAGE, "%s: more than it takes", argv[argc - 1]);
	if (optind < argc) {
		if (number_parse(text_of(argv[optind]), UINT32_MAX, &number))
			return command_fail("rollback", EXIT_USAGE, "%s: not the number of a state",
					    argv[optind]);
		rollback.has_number = true;
		rollback.number = (uint32_t)number;
	}
	rollback.arena = arena_new();
	code = rollback.arena ? run(&rollback) : command_fail("rollback", EXIT_SYSTEM, "out of memory");
	state_store_close(&rollback.store);
	early_report_fini(&rollback.early);
	if (rollback.arena)
		arena_free(rollback.arena);
	return code;
}

const struct command command_rollback = {
    .name = "rollback",
    .main = rollback_main,
    .summary = "go back to what was in force before; list what is kept",
};
