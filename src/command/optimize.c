/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir optimize: the same filter in fewer rules, with a proof. */
#include "command/optimize.h"
#include "command/command.h"
#include "command/reason.h"
#include "meaning/reach.h"

#include <errno.h>
#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Usage: weir optimize RULES... --directory DIR [options]\n"
    "\n"
    "Writes rules that do the same and cost less: lists of rules become sets, what nothing reaches or was "
    "said\n"
    "before is left out, what many rules ask alike is asked once, and what is met most comes first. What "
    "was\n"
    "written is read back and compared with the input, for all packets: without that proof nothing is "
    "written.\n"
    "DIR then has rules.v4, rules.v6 and ipsets, for iptables-restore, ip6tables-restore and `ipset "
    "restore`,\n"
    "which comes first; DIR is also an argument for weir.\n"
    "\n"
    "      --directory DIR      where to write; without it nothing is written\n"
    "      --output iptables    what to write; or nft: DIR/rules.nft, one file for `nft -f`\n"
    "      --map FILE           where each rule went, one a line, for those who follow counters; - is "
    "standard output\n"
    "      --explain            what was done, rule by rule, how many rules packets walk, and what they "
    "cost: measured\n"
    "                           in network namespaces of its own, for some seconds, where that is "
    "permitted\n"
    "      --no-measure         do not measure\n"
    "      --without STEP,...   leave out steps: dead, repeated, lists, prefix, order\n"
    "      --no-counters        sets count nothing, although the rules had counted\n"
    "      --budget LIMIT       what the proof may use: seconds (5s), memory (1G) or diagram nodes; may be "
    "given more\n"
    "                           than once\n"
    "      --force              overwrite files in DIR that weir did not write\n"
    "      --json               what was done, as JSON\n"
    "      --live               the rules and sets that are loaded in this network namespace\n"
    "      --help\n";

struct optimizing {
	const char *directory, *map;
	bool explain, no_measure, json, force, live, nft;
	struct rewrite_options rewrite;
	struct difference_options difference;
};

struct result {
	struct ruleset *ruleset, *after;
	struct reach_report *reach[FAMILY_COUNT];
	struct rewrite *rewrite;
	struct difference *difference;
	unsigned left_out; /* enum rewrite_step: for the proof's sake */
	const struct rewrite_cost *costs;
	size_t cost_count;
	struct optimize_cost *measured; /* NULL: not wanted */
};

static void result_cleanup(struct result *result)
{
	optimize_cost_free(result->measured);
	difference_cleanup(&result->difference);
	rewrite_cleanup(&result->rewrite);
	for (int family = 0; family < FAMILY_COUNT; family++)
		if (result->reach[family])
			reach_free(result->reach[family]);
	ruleset_cleanup(&result->after);
	ruleset_cleanup(&result->ruleset);
}

static int parse_steps(const char *list, unsigned *without)
{
	for (const char *at = list;;) {
		size_t size = strcspn(at, ",");
		unsigned bit = 0;
		for (unsigned i = 0; i < REWRITE_STEP_COUNT; i++)
			if (text_is((struct text){at, size}, rewrite_step_names[i]))
				bit = 1u << i;
		if (!bit)
			return command_fail(
			    "optimize", EXIT_USAGE,
			    "--without %s: expected dead, repeated, lists, prefix, order, with commas", list);
		*without |= bit;
		if (!at[size])
			return EXIT_DONE;
		at += size + 1;
	}
}

/* Dead rules cost nothing but what is walked past them: looking for them shall not take longer than a second.
 */
#define REACH_NODES 500000

static int make(const struct optimizing *optimizing, struct result *result)
{
	struct rewrite_options options = optimizing->rewrite;
	int error = 0;

	for (int family = 0; family < FAMILY_COUNT && !(options.without & REWRITE_DEAD) && !error; family++) {
		if (!result->ruleset->has_family[family])
			continue;
		error =
		    reach_compute(result->ruleset, (enum family)family, REACH_NODES, &result->reach[family]);
		options.reach[family] = result->reach[family];
	}
	return error ? error : rewrite_compute(result->ruleset, &options, &result->rewrite);
}

/* --- The proof
 * ---------------------------------------------------------------------------------------------------- */

/* That it reads what it wrote must never fail; where it does, that is said, and nothing is written. */
static int read_failed(const struct diagnostics *sink)
{
	struct buffer text = {0};

	diagnostics_print(sink, &text);
	if (text.data)
		fputs(text.data, stderr);
	buffer_fini(&text);
	return command_fail(
	    "optimize", EXIT_UNDECIDED,
	    "what it would write cannot be written so that it is read as the same: nothing was written");
}

static void say_chain(const struct difference_chain *chain)
{
	struct buffer text = {0};

	buffer_printf(&text, "weir: optimize: %s %s %s: ", chain->family == FAMILY_IPV4 ? "IPv4" : "IPv6",
		      table_names[chain->table], hook_names[chain->hook]);
	if (chain->answer == DIFFERENCE_UNDECIDED) {
		buffer_printf(&text, "%s", chain->reason ? chain->reason : "not decided");
	} else if (chain->region_count) {
		const struct difference_region *region = &chain->regions[0];
		buffer_printf(&text, "%s: %s, would be %s", region->words ? region->words : "some packets",
			      region->before.verdict, region->after.verdict);
		if (region->has_witness) {
			buffer_puts(&text, " (");
			packet_print(&region->packet, &text);
			buffer_puts(&text, ")");
		}
	} else {
		buffer_puts(&text, "differs");
	}
	struct buffer clean = {0};
	clean_print((struct text){text.data, text.size}, &clean);
	if (clean.data)
		fprintf(stderr, "%s\n", clean.data);
	buffer_fini(&clean);
	buffer_fini(&text);
}

int optimize_not_proven(const struct difference *difference)
{
	fflush(stdout);
	for (size_t i = 0; i < difference->chain_count; i++)
		if (difference->chains[i].answer != DIFFERENCE_NONE)
			say_chain(&difference->chains[i]);
	if (difference->answer == DIFFERENCE_FOUND)
		return command_fail(
		    "optimize", EXIT_UNDECIDED,
		    "what it would write does not do the same, which is an error of weir: nothing was "
		    "written");
	return command_fail(
	    "optimize", EXIT_UNDECIDED,
	    "it could not be proven within the budget that this does the same: nothing was written");
}

static int prove(const struct optimizing *optimizing, struct result *result)
{
	struct diagnostics *sink __attribute__((cleanup(diagnostics_cleanup))) = diagnostics_new();

	if (!sink)
		return command_fail("optimize", EXIT_SYSTEM, "out of memory");
	command_progress_start("comparing what would be written with the input");
	int error = rewrite_prove_less(&result->rewrite, &optimizing->difference, sink, &result->after,
				       &result->difference, &result->left_out);
	command_progress_stop();
	if (error == -EINVAL)
		return read_failed(sink);
	if (error)
		return command_fail("optimize", EXIT_SYSTEM, "%s", strerror(-error));
	return result->difference->answer == DIFFERENCE_NONE ? EXIT_DONE
							     : optimize_not_proven(result->difference);
}

/* --- What comes out
 * ----------------------------------------------------------------------------------------------- */

static int write_all(const struct optimizing *optimizing, const struct result *result)
{
	struct output_file files[] = {{.name = "ipsets"}, {.name = "rules.v4"}, {.name = "rules.v6"}};
	int code = EXIT_DONE;

	rewrite_print_sets(result->rewrite, &files[0].text);
	rewrite_print_rules(result->rewrite, FAMILY_IPV4, &files[1].text);
	rewrite_print_rules(result->rewrite, FAMILY_IPV6, &files[2].text);
	for (size_t i = 0; i < 3; i++)
		if (files[i].text.failed)
			code = command_fail("optimize", EXIT_SYSTEM, "out of memory");
	if (!code)
		code = output_write(
		    &(struct output){"optimize", optimizing->directory, rewrite_mark, optimizing->force},
		    files, 3);
	for (size_t i = 0; i < 3; i++)
		buffer_fini(&files[i].text);
	return code;
}

static int write_nft(const struct optimizing *optimizing, const struct result *result)
{
	struct output_file file = {.name = "rules.nft"};
	int code = optimize_nft(result->after, &optimizing->difference, &file.text);

	if (!code && optimizing->directory)
		code = output_write(
		    &(struct output){"optimize", optimizing->directory, rewrite_mark, optimizing->force},
		    &file, 1);
	buffer_fini(&file.text);
	return code;
}

static int write_map(const struct optimizing *optimizing, const struct result *result)
{
	struct buffer map = {0};

	optimize_print_map(result->rewrite, &map);
	int code = map.failed ? command_fail("optimize", EXIT_SYSTEM, "out of memory")
			      : output_write_file("optimize", optimizing->map, &map);
	buffer_fini(&map);
	return code;
}

static void say_left_out(unsigned steps, struct buffer *out)
{
	const char *between = "left out, so that the proof fits the budget:";

	for (unsigned i = 0; i < REWRITE_STEP_COUNT; i++) {
		if (!(steps >> i & 1))
			continue;
		buffer_printf(out, "%s %s", between, rewrite_step_names[i]);
		between = ",";
	}
	if (steps)
		buffer_puts(out, "\n");
}

static struct json_object *left_out_json(unsigned steps)
{
	struct json_object *array = json_object_new_array();

	for (unsigned i = 0; i < REWRITE_STEP_COUNT; i++)
		if (steps >> i & 1)
			json_object_array_add(array, json_object_new_string(rewrite_step_names[i]));
	return array;
}

static int say(const struct optimizing *optimizing, const struct result *result)
{
	struct buffer out = {0};

	if (optimizing->json) {
		struct json_object *object =
		    optimize_json(result->rewrite, result->costs, result->cost_count);
		if (result->measured)
			json_object_object_add(object, "measured", optimize_measured_json(result->measured));
		if (result->measured && optimizing->nft)
			json_object_object_add(object, "measured_output", json_object_new_string("iptables"));
		if (result->left_out)
			json_object_object_add(object, "left_out", left_out_json(result->left_out));
		return command_print_json(object);
	}
	if (optimizing->explain)
		optimize_print_rules(result->rewrite, &out);
	optimize_print_summary(result->rewrite, &out);
	if (optimizing->explain)
		optimize_print_costs(result->costs, result->cost_count, &out);
	if (result->measured)
		optimize_print_measured(result->measured, &out);
	if (result->measured && optimizing->nft)
		buffer_puts(&out, "(the rules as iptables loads them were measured, not rules.nft)\n");
	if (!rewrite_changed(result->rewrite))
		buffer_puts(&out, "nothing to gain: the rules stay as they are\n");
	say_left_out(result->left_out, &out);
	buffer_puts(&out, "proven: for all packets the same becomes of them\n");
	if (!optimizing->directory)
		buffer_puts(&out, "nothing was written: no --directory\n");
	if (out.data && !out.failed)
		fputs(out.data, stdout);
	int code = out.failed ? command_fail("optimize", EXIT_SYSTEM, "out of memory") : EXIT_DONE;
	buffer_fini(&out);
	return code;
}

static int run(const char *const *paths, size_t count, const struct optimizing *optimizing)
{
	struct result result __attribute__((cleanup(result_cleanup))) = {0};
	int code = command_load(paths, count, optimizing->live, &result.ruleset);

	if (code)
		return code;
	if (make(optimizing, &result))
		return command_fail("optimize", EXIT_SYSTEM, "out of memory");
	code = prove(optimizing, &result);
	if (!code && (optimizing->explain || optimizing->json) &&
	    rewrite_measure(result.rewrite, result.after, &result.costs, &result.cost_count))
		code = command_fail("optimize", EXIT_SYSTEM, "out of memory");
	if (!code && optimizing->explain && !optimizing->no_measure && rewrite_changed(result.rewrite) &&
	    optimize_cost_measure(result.ruleset, result.after, &result.measured))
		code = command_fail("optimize", EXIT_SYSTEM, "out of memory");
	if (!code && optimizing->nft)
		code = write_nft(optimizing, &result);
	else if (!code && optimizing->directory)
		code = write_all(optimizing, &result);
	if (!code && optimizing->map)
		code = write_map(optimizing, &result);
	return code ? code : say(optimizing, &result);
}

enum { DIRECTORY = 256, OUTPUT, MAP, EXPLAIN, NO_MEASURE, WITHOUT, NO_COUNTERS, BUDGET, FORCE, JSON, LIVE };

static int take_output(struct optimizing *optimizing, const char *format)
{
	optimizing->nft = strcmp(format, "nft") == 0;
	if (optimizing->nft || strcmp(format, "iptables") == 0)
		return EXIT_DONE;
	return command_fail("optimize", EXIT_USAGE, "--output is iptables or nft, not %s", format);
}

static int take_option(struct optimizing *optimizing, int option)
{
	switch (option) {
	case DIRECTORY:
		optimizing->directory = optarg;
		break;
	case OUTPUT:
		return take_output(optimizing, optarg);
	case MAP:
		optimizing->map = optarg;
		break;
	case EXPLAIN:
		optimizing->explain = true;
		break;
	case NO_MEASURE:
		optimizing->no_measure = true;
		break;
	case WITHOUT:
		return parse_steps(optarg, &optimizing->rewrite.without);
	case NO_COUNTERS:
		optimizing->rewrite.no_counters = true;
		break;
	case BUDGET:
		if (!command_parse_budget(optarg, &optimizing->difference.time_budget,
					  &optimizing->difference.node_budget))
			return command_fail("optimize", EXIT_USAGE,
					    "--budget wants seconds (5s), memory (1G) or a number of nodes");
		break;
	case FORCE:
		optimizing->force = true;
		break;
	case JSON:
		optimizing->json = true;
		break;
	case LIVE:
		optimizing->live = true;
		break;
	default:
		return EXIT_USAGE;
	}
	return EXIT_DONE;
}

static int optimize_main(int argc, char **argv)
{
	static const struct option options[] = {{"directory", required_argument, NULL, DIRECTORY},
						{"output", required_argument, NULL, OUTPUT},
						{"map", required_argument, NULL, MAP},
						{"explain", no_argument, NULL, EXPLAIN},
						{"no-measure", no_argument, NULL, NO_MEASURE},
						{"without", required_argument, NULL, WITHOUT},
						{"no-counters", no_argument, NULL, NO_COUNTERS},
						{"budget", required_argument, NULL, BUDGET},
						{"force", no_argument, NULL, FORCE},
						{"json", no_argument, NULL, JSON},
						{"live", no_argument, NULL, LIVE},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	struct optimizing optimizing = {.difference = {.effects = true, .region_limit = 1}};
	int option, code = EXIT_DONE;

	optind = 0;
	while (!code && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'h') {
			fputs(help, stdout);
			return EXIT_DONE;
		}
		code = take_option(&optimizing, option);
	}
	if (code)
		return code;
	if (optimizing.json && optimizing.map && strcmp(optimizing.map, "-") == 0)
		return command_fail("optimize", EXIT_USAGE, "--json and --map - both go to standard output");
	return run((const char *const *)argv + optind, (size_t)(argc - optind), &optimizing);
}

const struct command command_optimize = {"optimize", optimize_main,
					 "write rules that do the same and cost less"};
