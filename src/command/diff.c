/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir diff: whether two rulesets do the same to every packet, and to which packets they do not. */
#include "command/diff.h"
#include "command/command.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Usage: weir diff OLD NEW [options]\n"
    "       weir diff OLD --live [options]\n"
    "\n"
    "Says whether two rulesets do the same to every packet, or which packets they treat otherwise: in words, "
    "with a\n"
    "packet of each kind and the rules that decide on either side. Each chain is compared, and where some "
    "differ the\n"
    "whole way of packets: of those that are delivered here, of those that are forwarded, of those that "
    "leave from\n"
    "here. A packet that both drop may be dropped in another chain. Where marks, TOS or TTL differ that\n"
    "routing may go by, a note tells.\n"
    "Matches that are not modelled are taken for the same unknown where they are the same match.\n"
    "\n"
    "OLD, NEW: files of iptables-save, ip6tables-save or ipset save joined by commas, or a directory; "
    "--live: the\n"
    "rules and sets of this network namespace, with those of weir apply, in the place where it stands\n"
    "\n"
    "  --effects               also LOG, TEE, NOTRACK, marks and the like where no verdict hangs on them\n"
    "  --hooks                 chain by chain alone: equal only if each does the same\n"
    "  --forward yes|no        whether this host forwards packets (default yes)\n"
    "  --regions NUMBER        kinds of packets that are told of each way or chain (default 20)\n"
    "  --budget LIMIT          what may be used before the answer is \"undecided\": seconds (5s), memory "
    "(1G), or\n"
    "                          diagram nodes (8388608, the default); may be given more than once\n"
    "  --json                  as JSON\n"
    "  --help\n"
    "\n"
    "Exit status: 0 equal, or the same packets get through; 1 they differ, 2 bad usage or input, 3 the "
    "system refused, 4 undecided.\n";

#define PATHS_MAX 16

/* --- the command
 * ------------------------------------------------------------------------------------------------------- */

static int load_side(struct diff *diff, size_t index)
{
	struct side *side = &diff->sides[index];
	const char *paths[PATHS_MAX];
	size_t count = 0;
	char *rest = side->list;
	for (char *path; (path = strsep(&rest, ",")) && !side->live;) {
		if (count == PATHS_MAX)
			return command_fail("diff", EXIT_USAGE, "more than %d files on one side", PATHS_MAX);
		paths[count++] = path;
	}
	return command_load(paths, count, side->live, &diff->rulesets[index]);
}

enum difference_answer diff_answer(const struct diff *diff)
{
	return diff->options.journeys ? diff->difference->fate : diff->difference->answer;
}

static int compare(struct diff *diff)
{
	for (size_t i = 0; i < 2; i++) {
		int code = load_side(diff, i);
		if (code)
			return code;
	}
	command_progress_start("comparing");
	int result =
	    difference_compute(diff->rulesets[0], diff->rulesets[1], &diff->options, &diff->difference);
	command_progress_stop();
	if (result)
		return command_fail("diff", EXIT_SYSTEM, "%s", strerror(-result));
	int code = EXIT_DONE;
	if (diff->json)
		code = diff_print_json(diff);
	else
		diff_print_text(diff);
	if (code)
		return code;
	if (diff_is_contradicted(diff))
		return command_fail(
		    "diff", EXIT_UNDECIDED,
		    "the engine says otherwise of a packet above: this is an error of weir, please "
		    "report it");
	switch (diff_answer(diff)) {
	case DIFFERENCE_FOUND:
		return EXIT_FINDINGS;
	case DIFFERENCE_UNDECIDED:
		return EXIT_UNDECIDED;
	case DIFFERENCE_NONE:
		break;
	}
	return EXIT_DONE;
}

static int add_side(struct diff *diff, bool live, char *list)
{
	if (diff->side_count == 2)
		return command_fail("diff", EXIT_USAGE,
				    "more than two sides: join the files of one by commas");
	struct side *side = &diff->sides[diff->side_count++];
	side->live = live;
	side->list = list;
	return EXIT_DONE;
}

static int parse(struct diff *diff, int argc, char **argv)
{
	enum { LIVE = 256, EFFECTS, HOOKS, FORWARD, REGIONS, BUDGET, JSON };
	static const struct option options[] = {{"live", no_argument, NULL, LIVE},
						{"effects", no_argument, NULL, EFFECTS},
						{"hooks", no_argument, NULL, HOOKS},
						{"forward", required_argument, NULL, FORWARD},
						{"regions", required_argument, NULL, REGIONS},
						{"budget", required_argument, NULL, BUDGET},
						{"json", no_argument, NULL, JSON},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	int option, code = EXIT_DONE;
	optind = 0;
	while (!code && (option = getopt_long(argc, argv, "-", options, NULL)) != -1) {
		uint64_t number;
		switch (option) {
		case 1: /* no option: a side */
			code = add_side(diff, false, optarg);
			break;
		case LIVE:
			code = add_side(diff, true, NULL);
			break;
		case EFFECTS:
			diff->options.effects = true;
			break;
		case HOOKS:
			diff->options.journeys = false;
			break;
		case FORWARD:
			if (strcmp(optarg, "yes") != 0 && strcmp(optarg, "no") != 0)
				return command_fail("diff", EXIT_USAGE, "--forward %s: expected yes or no",
						    optarg);
			diff->options.not_forwarding = strcmp(optarg, "no") == 0;
			break;
		case REGIONS:
			if (number_parse(text_of(optarg), 1000, &number) || number == 0)
				return command_fail("diff", EXIT_USAGE,
						    "--regions wants a number from 1 to 1000");
			diff->options.region_limit = (size_t)number;
			break;
		case BUDGET:
			if (!command_parse_budget(optarg, &diff->options.time_budget,
						  &diff->options.node_budget))
				return command_fail(
				    "diff", EXIT_USAGE,
				    "--budget wants seconds (5s), memory (1G) or a number of nodes");
			break;
		case JSON:
			diff->json = true;
			break;
		case 'h':
			fputs(help, stdout);
			return -1;
		default:
			return EXIT_USAGE;
		}
	}
	for (; !code && optind < argc; optind++) /* behind -- */
		code = add_side(diff, false, argv[optind]);
	if (!code && diff->side_count < 2)
		code = command_fail("diff", EXIT_USAGE, "two sides are compared: weir diff OLD NEW");
	return code;
}

static int diff_main(int argc, char **argv)
{
	struct diff diff = {.options = {.journeys = true}};
	int code = parse(&diff, argc, argv);
	if (code == EXIT_DONE)
		code = compare(&diff);
	else if (code < 0)
		code = EXIT_DONE;
	difference_free(diff.difference);
	ruleset_free(diff.rulesets[0]);
	ruleset_free(diff.rulesets[1]);
	return code;
}

const struct command command_diff = {
    .name = "diff",
    .main = diff_main,
    .summary = "whether two rulesets do the same, and to which packets they do not",
};
