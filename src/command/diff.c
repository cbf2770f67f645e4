/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir diff: whether two rulesets do the same to every packet, and to which packets they do not. What the
 * diagrams say of a packet the engine is asked, too: a claim that it contradicts is no answer. */
#include "command/command.h"

#include "engine/engine.h"
#include "meaning/difference.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Usage: weir diff OLD NEW [options]\n"
    "       weir diff OLD --live [options]\n"
    "\n"
    "Says whether two rulesets do the same to every packet that comes to any of their built-in chains, or "
    "which\n"
    "packets they treat otherwise: in words, with a packet of each kind and the rules that decide on either "
    "side.\n"
    "Matches that are not modelled are taken for the same unknown where they are the same match.\n"
    "\n"
    "OLD, NEW: files of iptables-save, ip6tables-save or ipset save joined by commas, or a directory; "
    "--live: the\n"
    "rules and sets of this network namespace, in the place where it stands\n"
    "\n"
    "  --effects               also LOG, TEE, NOTRACK, marks and the like where no verdict hangs on them\n"
    "  --regions NUMBER        kinds of packets that are told of each chain (default 20)\n"
    "  --budget LIMIT          what may be used before the answer is \"undecided\": seconds (5s), memory "
    "(1G), or\n"
    "                          diagram nodes (8388608, the default); may be given more than once\n"
    "  --json                  as JSON\n"
    "  --help\n"
    "\n"
    "Exit status: 0 equal, 1 they differ, 2 bad usage or input, 3 the system refused, 4 undecided.\n";

#define PATHS_MAX 16

struct side {
	bool live;
	char *list; /* as given */
};

struct diff {
	size_t side_count;
	struct side sides[2];
	struct difference_options options;
	bool json;
	struct ruleset *rulesets[2];
	struct difference *difference;
};

static const char *const family_names[FAMILY_COUNT] = {"IPv4", "IPv6"};
static const char *const side_names[] = {"old", "new"};

/* What the engine says of a region's packet. */
enum confirmation {
	CONFIRMED,
	UNCONFIRMED, /* hangs on what is not known of a packet alone */
	CONTRADICTED,
};

struct seen {
	enum confirmation confirmation;
	struct outcome outcome;
};

static void target_text(const struct rule *rule, struct buffer *out)
{
	buffer_puts(out, rule->target.type->name);
	if (rule->target.type->print)
		rule->target.type->print(&rule->target, rule, out);
}

/* Whether a packet may come to the verdict, and whether it does for sure. */
static enum confirmation confirm(const struct outcome *outcome, const char *verdict)
{
	unsigned wanted = strcmp(verdict, "ACCEPT") == 0 ? VERDICT_ACCEPT
			  : strcmp(verdict, "DROP") == 0 ? VERDICT_DROP
							 : 0;
	if (wanted && outcome->verdicts == wanted)
		return CONFIRMED;
	if (wanted)
		return outcome->verdicts & (wanted | VERDICT_UNKNOWN) ? UNCONFIRMED : CONTRADICTED;
	if (!outcome->rule)
		return UNCONFIRMED;
	struct buffer text = {0};
	target_text(outcome->rule, &text);
	bool same = text.data && strcmp(text.data, verdict) == 0;
	buffer_fini(&text);
	return same ? CONFIRMED : UNCONFIRMED;
}

static struct seen ask_engine(const struct diff *diff, size_t side, const struct difference_chain *chain,
			      const struct difference_region *region)
{
	struct seen seen = {.confirmation = UNCONFIRMED};
	if (!region->has_witness || engine_chain(diff->rulesets[side], &region->packet, chain->table,
						 chain->hook, NULL, NULL, &seen.outcome))
		return seen;
	seen.confirmation = confirm(&seen.outcome, side ? region->after.verdict : region->before.verdict);
	/* The packet knows nothing of what a match that is not modelled must say: it may well say the other.
	 */
	if (region->unknowns && seen.confirmation == CONTRADICTED)
		seen.confirmation = UNCONFIRMED;
	return seen;
}

/* --- text
 * ------------------------------------------------------------------------------------------------------- */

static void print_fate(const char *word, const struct fate *fate)
{
	printf("%s %s", word, fate->verdict);
	if (fate->effects)
		printf(" (%s)", fate->effects);
}

static void print_rule(const struct seen *seen, size_t side, struct source_cursor *cursor)
{
	const struct rule *rule = seen->outcome.rule;
	const struct chain *chain = seen->outcome.chain;
	if (rule) {
		struct text text = rule_text(rule);
		printf("    %s: %s:%u: %.*s\n", side_names[side], rule->span.source->name,
		       source_line(cursor, rule->span), (int)text.size, text.data);
	} else if (chain) {
		printf("    %s: the policy of %.*s\n", side_names[side], (int)chain->name.size,
		       chain->name.data);
	} else if (seen->outcome.verdicts == VERDICT_ACCEPT) {
		printf("    %s: no such table\n", side_names[side]);
	}
}

static void print_region(const struct diff *diff, const struct difference_chain *chain,
			 const struct difference_region *region)
{
	printf("  %s\n    ", region->words);
	print_fate("was", &region->before);
	print_fate(", is", &region->after);
	puts("");
	if (region->unknowns)
		printf("    where %s\n", region->unknowns);
	if (!region->has_witness)
		return;
	struct buffer packet = {0};
	packet_print(&region->packet, &packet);
	printf("    packet: %s\n", packet.data ? packet.data : "");
	buffer_fini(&packet);
	for (size_t side = 0; side < 2; side++) {
		struct source_cursor cursor = {0};
		struct seen seen = ask_engine(diff, side, chain, region);
		print_rule(&seen, side, &cursor);
	}
}

static void print_chain_name(const struct difference_chain *chain)
{
	printf("%s %s %s", family_names[chain->family], table_names[chain->table], hook_names[chain->hook]);
}

static void print_text(const struct diff *diff)
{
	const struct difference *difference = diff->difference;
	size_t equal = 0;
	for (size_t i = 0; i < difference->chain_count; i++) {
		const struct difference_chain *chain = &difference->chains[i];
		equal += chain->answer == DIFFERENCE_NONE;
		if (chain->answer == DIFFERENCE_NONE)
			continue;
		print_chain_name(chain);
		if (chain->answer == DIFFERENCE_UNDECIDED) {
			printf(": undecided: %s\n", chain->reason);
			continue;
		}
		puts(": differs");
		for (size_t r = 0; r < chain->region_count; r++)
			print_region(diff, chain, &chain->regions[r]);
		if (chain->region_total > chain->region_count)
			printf("  and %zu more kinds of packets\n",
			       chain->region_total - chain->region_count);
	}
	switch (difference->answer) {
	case DIFFERENCE_NONE:
		printf("Equal: all %zu chains%s.\n", equal, diff->options.effects ? ", effects too" : "");
		break;
	case DIFFERENCE_FOUND:
		printf("They differ: %zu of %zu chains are equal.\n", equal, difference->chain_count);
		break;
	case DIFFERENCE_UNDECIDED:
		printf("Undecided: %zu of %zu chains are equal, of the others it is not known.\n", equal,
		       difference->chain_count);
		break;
	}
}

/* --- JSON
 * ------------------------------------------------------------------------------------------------------- */

static const char *const answer_names[] = {
    [DIFFERENCE_NONE] = "equal", [DIFFERENCE_FOUND] = "differ", [DIFFERENCE_UNDECIDED] = "undecided"};

static void add_string(struct json_object *object, const char *key, const char *value)
{
	if (value)
		json_object_object_add(object, key, json_object_new_string(value));
}

static struct json_object *fate_json(const struct fate *fate, const struct seen *seen)
{
	struct json_object *object = json_object_new_object();
	add_string(object, "verdict", fate->verdict);
	add_string(object, "effects", fate->effects);
	const struct rule *rule = seen->outcome.rule;
	if (!rule)
		return object;
	struct source_cursor cursor = {0};
	struct text text = rule_text(rule);
	add_string(object, "file", rule->span.source->name);
	json_object_object_add(object, "line", json_object_new_int((int)source_line(&cursor, rule->span)));
	json_object_object_add(object, "rule", json_object_new_string_len(text.data, (int)text.size));
	return object;
}

static struct json_object *region_json(const struct diff *diff, const struct difference_chain *chain,
				       const struct difference_region *region)
{
	struct json_object *object = json_object_new_object();
	struct seen seen[2];
	for (size_t side = 0; side < 2; side++)
		seen[side] = ask_engine(diff, side, chain, region);
	add_string(object, "packets", region->words);
	add_string(object, "where", region->unknowns);
	json_object_object_add(object, "share", json_object_new_double(region->share));
	json_object_object_add(object, "old", fate_json(&region->before, &seen[0]));
	json_object_object_add(object, "new", fate_json(&region->after, &seen[1]));
	if (!region->has_witness)
		return object;
	struct buffer packet = {0};
	packet_print(&region->packet, &packet);
	add_string(object, "packet", packet.data);
	buffer_fini(&packet);
	bool confirmed = seen[0].confirmation == CONFIRMED && seen[1].confirmation == CONFIRMED;
	json_object_object_add(object, "confirmed", json_object_new_boolean(confirmed));
	return object;
}

static int print_json(const struct diff *diff)
{
	const struct difference *difference = diff->difference;
	struct json_object *object = json_object_new_object(), *chains = json_object_new_array();
	add_string(object, "answer", answer_names[difference->answer]);
	for (size_t i = 0; i < difference->chain_count; i++) {
		const struct difference_chain *chain = &difference->chains[i];
		struct json_object *own = json_object_new_object(), *regions = json_object_new_array();
		add_string(own, "family", chain->family == FAMILY_IPV4 ? "ipv4" : "ipv6");
		add_string(own, "table", table_names[chain->table]);
		add_string(own, "chain", hook_names[chain->hook]);
		add_string(own, "answer", answer_names[chain->answer]);
		add_string(own, "reason", chain->reason);
		for (size_t r = 0; r < chain->region_count; r++)
			json_object_array_add(regions, region_json(diff, chain, &chain->regions[r]));
		json_object_object_add(own, "regions", regions);
		json_object_object_add(own, "region_count",
				       json_object_new_int64((int64_t)chain->region_total));
		json_object_array_add(chains, own);
	}
	json_object_object_add(object, "chains", chains);
	json_object_object_add(object, "nodes", json_object_new_int64((int64_t)difference->nodes));
	return command_print_json(object);
}

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

static bool engine_contradicts(const struct diff *diff)
{
	for (size_t i = 0; i < diff->difference->chain_count; i++) {
		const struct difference_chain *chain = &diff->difference->chains[i];
		for (size_t r = 0; r < chain->region_count; r++)
			for (size_t side = 0; side < 2; side++)
				if (ask_engine(diff, side, chain, &chain->regions[r]).confirmation ==
				    CONTRADICTED)
					return true;
	}
	return false;
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
		code = print_json(diff);
	else
		print_text(diff);
	if (code)
		return code;
	if (engine_contradicts(diff))
		return command_fail(
		    "diff", EXIT_UNDECIDED,
		    "the engine says otherwise of a packet above: this is an error of weir, please "
		    "report it");
	switch (diff->difference->answer) {
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
	enum { LIVE = 256, EFFECTS, REGIONS, BUDGET, JSON };
	static const struct option options[] = {{"live", no_argument, NULL, LIVE},
						{"effects", no_argument, NULL, EFFECTS},
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
	struct diff diff = {.side_count = 0};
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
