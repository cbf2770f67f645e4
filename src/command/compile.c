/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir compile: what would be dropped early, and what would not and why. Nothing is attached. */
#include "command/command.h"

#include "base/clock.h"
#include "command/reason.h"
#include "command/region_options.h"
#include "plane/plane.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Usage: weir compile RULES... [options]\n"
    "       weir compile --live [options]\n"
    "\n"
    "Computes which packets the rules drop whatever the unknowns are, builds and proves the tables that XDP "
    "would\n"
    "look up, and prints what is covered, and for every rule that is not, the reason. Attaches nothing.\n"
    "\n"
    "RULES: files of iptables-save, ip6tables-save or ipset save, or a directory like /etc/iptables\n"
    "\n"
    "  --live                  the rules and sets of this network namespace\n"
    "  --budget NODES          the most diagram nodes that may be made (default 8388608)\n"
    "  --verbose               also each rule that is dropped early in full, however many\n"
    "  --json                  as JSON\n" REGION_OPTIONS_HELP "  --help\n";

enum { OPTION_LIVE = OPTION_OWN, OPTION_BUDGET, OPTION_JSON, OPTION_VERBOSE, OPTION_HELP };

static const struct option long_options[] = {
    {"live", no_argument, NULL, OPTION_LIVE},
    {"budget", required_argument, NULL, OPTION_BUDGET},
    {"json", no_argument, NULL, OPTION_JSON},
    {"verbose", no_argument, NULL, OPTION_VERBOSE},
    {"help", no_argument, NULL, OPTION_HELP},
    REGION_OPTIONS,
    {NULL, 0, NULL, 0},
};

static const char *const family_names[FAMILY_COUNT] = {"IPv4", "IPv6"};
static const char *const coverage_names[] = {[COVERAGE_ALL] = "in full",
					     [COVERAGE_SOME] = "in part",
					     [COVERAGE_NONE] = "not",
					     [COVERAGE_UNREACHED] = "unreached"};

struct compile {
	struct region_arguments arguments;
	bool live, json, verbose;
	size_t budget;
	struct ruleset *ruleset;
	struct region *regions[FAMILY_COUNT];
	struct plane *plane;
	int plane_result; /* of plane_build() and plane_prove() */
	struct buffer why;
	double read_seconds;
	struct source_cursor cursor;
};

/* Rules that a unit stands for; a policy counts as one. */
static size_t unit_rules(const struct unit *unit)
{
	return unit->kind == UNIT_POLICY ? 1 : unit->rule_count;
}

static void describe_unit(const struct unit *unit, struct buffer *out)
{
	const struct chain *chain = unit->chain;
	const char *table = table_names[chain->table->id];
	if (unit->kind == UNIT_POLICY)
		buffer_puts(out, "policy of ");
	else if (unit->kind == UNIT_LIST)
		buffer_printf(out, "rules %u to %zu of ", unit->rule->number,
			      unit->rule->number + unit->rule_count - 1);
	else
		buffer_printf(out, "rule %u of ", unit->rule->number);
	clean_print(chain->name, out);
	buffer_printf(out, " (%s)%s", table, unit->kind == UNIT_LIST ? ", a list" : "");
}

/* A rule's text as it may go to a terminal. */
static void print_rule(const struct rule *rule, const char *end)
{
	clean_put(rule_text(rule));
	printf("%s\n", end);
}

static void print_place(struct compile *compile, struct span span)
{
	if (!span.source)
		return;
	clean_put(text_of(span.source->name));
	printf(":%" PRIu32 ": ", source_line(&compile->cursor, span));
}

static struct span unit_span(const struct unit *unit)
{
	return unit->rule ? unit->rule->span : unit->chain->span;
}

#define IN_FULL_SHOWN 20 /* rules that are dropped early in full, shown one by one up to this number */

static bool same_reason(const struct covered *a, const struct covered *b)
{
	return a && a->coverage == b->coverage && a->blocker == b->blocker && a->reason && b->reason &&
	       strcmp(a->reason, b->reason) == 0;
}

/* `before`: the one printed before, whose reason is not said again. */
static void print_covered(struct compile *compile, const struct region *region, const struct covered *covered,
			  const struct covered *before)
{
	const struct unit *unit = &region->units[covered->unit];
	struct buffer text = {0};
	describe_unit(unit, &text);
	printf("  %-9s  ", coverage_names[covered->coverage]);
	print_place(compile, unit_span(unit));
	printf("%s\n", text.data ? text.data : "");
	buffer_fini(&text);
	if (unit->rule) {
		printf("             ");
		print_rule(unit->rule, unit->kind == UNIT_LIST ? "  ..." : "");
	}
	if (covered->limit) {
		printf("             at a rate: ");
		clean_put(text_of(covered->limit));
		printf("\n");
	}
	if (same_reason(before, covered))
		return;
	if (covered->reason) {
		printf("             because: ");
		clean_put(text_of(covered->reason));
		printf("\n");
	}
	if (covered->blocker) {
		printf("             ");
		print_place(compile, covered->blocker->span);
		print_rule(covered->blocker, "");
	}
}

static void count_coverage(const struct region *region, size_t *counts)
{
	memset(counts, 0, 4 * sizeof(*counts));
	for (size_t i = 0; i < region->covered_count; i++)
		counts[region->covered[i].coverage] += unit_rules(&region->units[region->covered[i].unit]);
}

static void print_region(struct compile *compile, const struct region *region)
{
	size_t counts[4];
	count_coverage(region, counts);
	if (region->undecided) {
		printf("%s: undecided within the budget of diagram nodes: nothing would be dropped early\n",
		       family_names[region->family]);
		return;
	}
	size_t all = counts[0] + counts[1] + counts[2] + counts[3];
	printf("%s: %zu rules and policies drop or reject: early in full %zu, in part %zu, not %zu, "
	       "unreached %zu (%.1f %% "
	       "in full)\n",
	       family_names[region->family], all, counts[COVERAGE_ALL], counts[COVERAGE_SOME],
	       counts[COVERAGE_NONE], counts[COVERAGE_UNREACHED],
	       all ? 100.0 * (double)counts[COVERAGE_ALL] / (double)all : 0.0);
	if (region->rule_limit)
		printf("  for want of budget only the first %zu rules of a chain (a list is one) were looked "
		       "at\n",
		       region->rule_limit);
	size_t in_full = 0;
	for (size_t i = 0; i < region->covered_count; i++)
		in_full += region->covered[i].coverage == COVERAGE_ALL;
	const struct covered *before = NULL;
	for (size_t i = 0; i < region->covered_count; i++) {
		const struct covered *covered = &region->covered[i];
		if (covered->coverage == COVERAGE_ALL && in_full > IN_FULL_SHOWN && !compile->verbose)
			continue;
		print_covered(compile, region, covered, before);
		before = covered;
	}
	if (in_full > IN_FULL_SHOWN && !compile->verbose)
		printf("  in full    %zu rules and lists that are not shown (--verbose shows them)\n",
		       in_full);
	if (region->uncounted_parts)
		printf("  uncounted  parts of fragmented packets, on %zu rule%s that look%s behind the IP "
		       "header\n",
		       region->uncounted_parts, region->uncounted_parts == 1 ? "" : "s",
		       region->uncounted_parts == 1 ? "s" : "");
	for (size_t i = 0; i < region->uncounted_count; i++) {
		const struct unit *unit = &region->units[region->uncounted[i]];
		struct buffer text = {0};
		describe_unit(unit, &text);
		printf("  uncounted  ");
		print_place(compile, unit_span(unit));
		printf("%s: for some packets dropped early it is not known whether they would have been "
		       "counted there\n",
		       text.data ? text.data : "");
		buffer_fini(&text);
	}
}

static void print_plane(const struct compile *compile)
{
	const struct plane *plane = compile->plane;
	if (compile->plane_result == -E2BIG) {
		printf("Tables: too large (limit %u bytes): nothing would be dropped early\n",
		       PLANE_BYTES_MAX);
	} else if (compile->plane_result) {
		printf("Tables: not proven, nothing would be dropped early: %s\n",
		       compile->why.data ? compile->why.data : strerror(-compile->plane_result));
	} else {
		printf("Tables: %zu bytes, %zu nodes, %u counters; proven equal to the rules\n", plane->size,
		       plane->statistics.nodes, plane->slot_count);
		printf("Time: read %.1f ms, meaning %.1f ms, tables %.1f ms, proof %.1f ms\n",
		       compile->read_seconds * 1e3, plane->statistics.meaning_seconds * 1e3,
		       plane->statistics.build_seconds * 1e3, plane->statistics.proof_seconds * 1e3);
	}
}

static void json_place(struct compile *compile, struct json_object *object, struct span span)
{
	if (!span.source)
		return;
	json_object_object_add(object, "file", clean_json(text_of(span.source->name)));
	json_object_object_add(object, "line", json_object_new_int64(source_line(&compile->cursor, span)));
}

static struct json_object *json_unit(struct compile *compile, const struct unit *unit)
{
	static const char *const kinds[] = {"rule", "policy", "list"};
	struct json_object *object = json_object_new_object();
	json_object_object_add(object, "kind", json_object_new_string(kinds[unit->kind]));
	json_object_object_add(object, "table", json_object_new_string(table_names[unit->chain->table->id]));
	json_object_object_add(object, "chain", clean_json(unit->chain->name));
	json_place(compile, object, unit_span(unit));
	if (unit->rule) {
		json_object_object_add(object, "number", json_object_new_int64(unit->rule->number));
		json_object_object_add(object, "rules", json_object_new_int64((int64_t)unit->rule_count));
		json_object_object_add(object, "text", clean_json(rule_text(unit->rule)));
	}
	return object;
}

static struct json_object *json_region(struct compile *compile, const struct region *region)
{
	struct json_object *object = json_object_new_object(), *list = json_object_new_array();
	size_t counts[4];
	count_coverage(region, counts);
	json_object_object_add(object, "undecided", json_object_new_boolean(region->undecided));
	json_object_object_add(object, "nodes", json_object_new_int64((int64_t)region->nodes));
	json_object_object_add(object, "rule_limit", json_object_new_int64((int64_t)region->rule_limit));
	for (size_t i = 0; i < 4; i++) {
		static const char *const names[] = {"rules_in_full", "rules_in_part", "rules_not",
						    "rules_unreached"};
		json_object_object_add(object, names[i], json_object_new_int64((int64_t)counts[i]));
	}
	for (size_t i = 0; i < region->covered_count; i++) {
		const struct covered *covered = &region->covered[i];
		struct json_object *entry = json_unit(compile, &region->units[covered->unit]);
		json_object_object_add(entry, "early",
				       json_object_new_string(coverage_names[covered->coverage]));
		if (covered->limit)
			json_object_object_add(entry, "limit", clean_json(text_of(covered->limit)));
		if (covered->reason)
			json_object_object_add(entry, "reason", clean_json(text_of(covered->reason)));
		if (covered->blocker) {
			struct json_object *blocker = json_object_new_object();
			json_place(compile, blocker, covered->blocker->span);
			json_object_object_add(blocker, "text", clean_json(rule_text(covered->blocker)));
			json_object_object_add(entry, "blocker", blocker);
		}
		json_object_array_add(list, entry);
	}
	json_object_object_add(object, "rules", list);
	list = json_object_new_array();
	for (size_t i = 0; i < region->uncounted_count; i++)
		json_object_array_add(list, json_unit(compile, &region->units[region->uncounted[i]]));
	json_object_object_add(object, "uncounted", list);
	json_object_object_add(object, "uncounted_of_fragments",
			       json_object_new_int64((int64_t)region->uncounted_parts));
	return object;
}

static int print_json(struct compile *compile)
{
	struct json_object *object = json_object_new_object();
	for (enum family family = 0; family < FAMILY_COUNT; family++)
		if (compile->ruleset->has_family[family])
			json_object_object_add(object, family_names[family],
					       json_region(compile, compile->regions[family]));
	struct json_object *tables = json_object_new_object();
	json_object_object_add(tables, "proven", json_object_new_boolean(compile->plane_result == 0));
	if (compile->plane_result == 0) {
		const struct plane *plane = compile->plane;
		json_object_object_add(tables, "bytes", json_object_new_int64((int64_t)plane->size));
		json_object_object_add(tables, "nodes",
				       json_object_new_int64((int64_t)plane->statistics.nodes));
		json_object_object_add(tables, "counters", json_object_new_int64(plane->slot_count));
		json_object_object_add(tables, "meaning_seconds",
				       json_object_new_double(plane->statistics.meaning_seconds));
		json_object_object_add(tables, "build_seconds",
				       json_object_new_double(plane->statistics.build_seconds));
		json_object_object_add(tables, "proof_seconds",
				       json_object_new_double(plane->statistics.proof_seconds));
	}
	json_object_object_add(object, "tables", tables);
	json_object_object_add(object, "read_seconds", json_object_new_double(compile->read_seconds));
	return command_print_json(object);
}

static int compute(struct compile *compile, const char *const *paths, size_t count)
{
	double start = clock_seconds();
	int code = command_load(paths, count, compile->live, &compile->ruleset);
	if (code)
		return code;
	compile->read_seconds = clock_seconds() - start;
	struct region_options options = region_arguments_options(&compile->arguments);
	options.node_budget = compile->budget;
	command_progress_start("computing what may be dropped early");
	compile->plane_result =
	    plane_compute(compile->ruleset, &options, compile->regions, &compile->plane, &compile->why);
	command_progress_stop();
	for (enum family family = 0; family < FAMILY_COUNT && compile->plane_result != -ENOMEM; family++)
		if (!compile->regions[family])
			return command_fail("compile", EXIT_UNDECIDED,
					    "more sets and matches than can be told apart");
	if (compile->plane_result == -ENOMEM)
		return command_fail("compile", EXIT_SYSTEM, "out of memory");
	if (compile->json) {
		code = print_json(compile);
	} else {
		for (enum family family = 0; family < FAMILY_COUNT; family++)
			if (compile->ruleset->has_family[family])
				print_region(compile, compile->regions[family]);
		print_plane(compile);
	}
	if (code)
		return code;
	bool undecided = false;
	for (enum family family = 0; family < FAMILY_COUNT; family++)
		undecided |= compile->regions[family]->undecided;
	return undecided || compile->plane_result ? EXIT_UNDECIDED : EXIT_DONE;
}

static int parse(struct compile *compile, int argc, char **argv)
{
	for (int option; (option = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
		uint64_t number;
		switch (option) {
		case OPTION_LIVE:
			compile->live = true;
			break;
		case OPTION_JSON:
			compile->json = true;
			break;
		case OPTION_VERBOSE:
			compile->verbose = true;
			break;
		case OPTION_BUDGET:
			if (number_parse(text_of(optarg), (1u << 30) - 1, &number) || number == 0)
				return command_fail("compile", EXIT_USAGE,
						    "--budget takes a number of nodes: %s", optarg);
			compile->budget = number;
			break;
		case OPTION_HELP:
			fputs(help, stdout);
			return -1;
		case '?':
			return EXIT_USAGE;
		default: {
			int taken = region_arguments_take(&compile->arguments, "compile", option, optarg);
			if (taken < 0)
				return taken == -ENOMEM ? EXIT_SYSTEM : EXIT_USAGE;
		}
		}
	}
	return EXIT_DONE;
}

static int compile_main(int argc, char **argv)
{
	struct compile compile = {0};
	region_arguments_init(&compile.arguments);
	int code = parse(&compile, argc, argv);
	if (code == EXIT_DONE)
		code = compute(&compile, (const char *const *)argv + optind, (size_t)(argc - optind));
	else if (code == -1)
		code = EXIT_DONE;
	plane_cleanup(&compile.plane);
	for (enum family family = 0; family < FAMILY_COUNT; family++)
		region_cleanup(&compile.regions[family]);
	ruleset_cleanup(&compile.ruleset);
	region_arguments_fini(&compile.arguments);
	buffer_fini(&compile.why);
	return code;
}

const struct command command_compile = {"compile", compile_main,
					"what would be dropped early, and what not and why"};
