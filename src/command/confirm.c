/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir confirm: what weir try has applied stays. */
#include "command/applied.h"
#include "command/command.h"

#include <getopt.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>

static const char help[] = "Usage: weir confirm [options]\n"
			   "\n"
			   "Keeps what weir try has applied.\n"
			   "\n" STATE_OPTION_HELP "  --json                  as JSON\n"
			   "  --help\n"
			   "\n"
			   "Exit status: 0 done, 1 no trial is running, 2 bad usage, 3 the system refused.\n";

#define LOCK_WAIT 10 /* s */

static int confirm(const char *directory, bool json)
{
	struct state_store store = STATE_STORE_NONE;
	struct state_pending trial;
	struct early_report early = {0};
	struct buffer why = {0};
	uint32_t number = 0;
	int error, code = applied_open("confirm", directory, LOCK_WAIT, &store, &trial);

	if (code)
		return code;
	if (trial.kind != STATE_PENDING_TRY) {
		state_store_close(&store);
		return command_fail("confirm", EXIT_FINDINGS, "no trial is running");
	}
	error = state_confirm(&store, &trial, &why);
	if (error) {
		code = applied_fail("confirm", error, &why);
	} else if (json) {
		struct json_object *object = json_object_new_object();
		json_object_object_add(object, "state", json_object_new_int64(trial.number));
		code = command_print_json(object);
	} else {
		printf("Confirmed: state %" PRIu32 ".\n", trial.number);
	}
	/* As it is, but where a trial never came or its begin was cut off. */
	why.size = 0;
	error = early_in_force(&store, &number, &why);
	if (!error)
		error = early_widen(&store, number, NULL, false, &early, &why);
	if (error && !code)
		code = applied_fail("confirm", error, &why);
	else if (!code)
		code = applied_early("confirm", &early, false);
	early_report_fini(&early);
	buffer_fini(&why);
	state_store_close(&store);
	return code;
}

static int confirm_main(int argc, char **argv)
{
	enum { STATE = 256, JSON };
	static const struct option options[] = {{"state", required_argument, NULL, STATE},
						{"json", no_argument, NULL, JSON},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	const char *directory = NULL;
	bool json = false;
	int option;

	optind = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case STATE:
			directory = optarg;
			break;
		case JSON:
			json = true;
			break;
		case 'h':
			fputs(help, stdout);
			return EXIT_DONE;
		default:
			return EXIT_USAGE;
		}
	}
	if (optind < argc)
		return command_fail("confirm", EXIT_USAGE, "%s: confirm takes no arguments", argv[optind]);
	return confirm(directory, json);
}

const struct command command_confirm = {
    .name = "confirm",
    .main = confirm_main,
    .summary = "keep what weir try has applied",
};
