/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir explain: one packet's way through tables, chains and rules, what decided, and whether weir drops it
 * early. What the packet does not say is not guessed: a rule that hangs on it is shown as "perhaps", and the
 * first one is named with the field that is missing. */
#include "command/command.h"
#include "command/early.h"
#include "command/reason.h"
#include "command/region_options.h"
#include "engine/engine.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: weir explain RULES... --packet 'KEY=VALUE ...' [options]\n"
    "\n"
    "Shows a packet's way through the rules, which rule decided, and whether weir drops it early.\n"
    "\n"
    "  --packet TEXT           the packet: family=4|6 in= out= proto= src= dst= sport= dport=\n"
    "                          flags=syn,ack|none type= code= state= length= frag=no|first|later;\n"
    "                          what is not given is not known\n"
    "  --live                  the rules of this network namespace instead of files, with those of weir "
    "apply\n"
    "  --path input|forward    which way it goes (input)\n"
    "  --json\n" REGION_OPTIONS_HELP;

struct explain {
	struct region_arguments region;
	const char *packet_text;
	bool live, json, path_given;
	enum path path;
	struct packet packet;
	const struct ruleset *ruleset;
	/* Steps as they come; the depth is followed for the indent. */
	struct json_object *steps;
	struct buffer way;
	const struct chain *stack[CHAIN_DEPTH_MAX + 2];
	size_t depth;
};

static const char *verdict_name(unsigned verdict)
{
	switch (verdict) {
	case VERDICT_ACCEPT:
		return "accepted";
	case VERDICT_DROP:
		return "dropped";
	case VERDICT_REJECT:
		return "rejected";
	case VERDICT_UNKNOWN:
		return "unknown (a target that is not modelled)";
	default:
		return "?";
	}
}

/* --- the way
 * ---------------------------------------------------------------------------------------------------- */

/* The chains between the built-in one and this: what is entered is one deeper than where it was entered from.
 */
static void follow_depth(struct explain *explain, const struct chain *chain, bool entered)
{
	if (entered) {
		explain->depth = 0;
	} else {
		size_t i = explain->depth + 1;
		while (i > 0 && explain->stack[i - 1] != chain)
			i--;
		if (i > 0) {
			explain->depth = i - 1;
			return;
		}
		if (explain->depth < CHAIN_DEPTH_MAX)
			explain->depth++;
	}
	explain->stack[explain->depth] = chain;
}

static void way_line(struct explain *explain, const struct step *step, const char *what)
{
	struct buffer *way = &explain->way;
	buffer_printf(way, "  %*s", (int)(2 * (explain->depth > 20 ? 20 : explain->depth)), "");
	if (step->kind != STEP_TABLE)
		buffer_puts(way, "  ");
	if (step->rule) {
		struct text text = rule_text(step->rule);
		place_print(step->rule->span, way);
		buffer_puts(way, ": ");
		clean_print(text, way);
	}
	buffer_puts(way, what);
	buffer_puts(way, step->truth == TRUTH_UNKNOWN ? "  (perhaps)\n" : "\n");
}

static void json_step(struct explain *explain, const struct step *step, const char *kind)
{
	struct json_object *object = json_object_new_object();
	json_object_object_add(object, "step", json_object_new_string(kind));
	json_object_object_add(object, "table", json_object_new_string(table_names[step->chain->table->id]));
	json_object_object_add(object, "chain", clean_json(step->chain->name));
	json_object_object_add(object, "certain", json_object_new_boolean(step->truth == TRUTH_YES));
	if (step->rule) {
		struct text text = rule_text(step->rule);
		json_object_object_add(object, "number", json_object_new_int64(step->rule->number));
		json_object_object_add(object, "rule", clean_json(text));
		if (step->rule->span.source) {
			struct span span = step->rule->span;
			json_object_object_add(object, "file", clean_json(text_of(span.source->name)));
			json_object_object_add(
			    object, "line",
			    json_object_new_int64(source_locate(span.source, span.begin).line));
		}
	}
	if (step->kind == STEP_POLICY)
		json_object_object_add(
		    object, "policy",
		    json_object_new_string(step->chain->policy == POLICY_DROP ? "DROP" : "ACCEPT"));
	json_object_array_add(explain->steps, object);
}

static void show_step(void *context, const struct step *step)
{
	struct explain *explain = context;
	struct buffer text = {0};
	follow_depth(explain, step->chain, step->kind == STEP_TABLE);
	switch (step->kind) {
	case STEP_TABLE:
		buffer_printf(&text, "%s ", table_names[step->chain->table->id]);
		clean_print(step->chain->name, &text);
		json_step(explain, step, "table");
		break;
	case STEP_RULE:
		json_step(explain, step, "rule");
		break;
	case STEP_POLICY:
		buffer_puts(&text, "policy of ");
		clean_print(step->chain->name, &text);
		buffer_puts(&text, step->chain->policy == POLICY_DROP ? ": DROP" : ": ACCEPT");
		json_step(explain, step, "policy");
		break;
	case STEP_RETURN:
		json_step(explain, step, "return");
		return; /* the indent shows it */
	case STEP_HOT_DROP:
		buffer_puts(&text, "  malformed header: dropped at once");
		json_step(explain, step, "hot-drop");
		break;
	}
	way_line(explain, step, text.data ? text.data : "");
	buffer_fini(&text);
}

/* --- verdicts
 * --------------------------------------------------------------------------------------------------- */

static void verdict_print(const struct outcome *outcome, struct buffer *out)
{
	bool certain = (outcome->verdicts & (outcome->verdicts - 1)) == 0;
	if (!certain)
		buffer_puts(out, "perhaps ");
	const char *separator = "";
	for (unsigned bit = VERDICT_ACCEPT; bit <= VERDICT_UNKNOWN; bit <<= 1) {
		if (outcome->verdicts & bit) {
			buffer_printf(out, "%s%s", separator, verdict_name(bit));
			separator = ", perhaps ";
		}
	}
	if (!certain)
		return;
	if (outcome->rule) {
		buffer_puts(out, " by ");
		rule_name_print(outcome->rule, out);
	} else if (outcome->chain) {
		buffer_printf(out, " by the policy of %s ", table_names[outcome->chain->table->id]);
		clean_print(outcome->chain->name, out);
	}
}

static const char *path_name(enum path path)
{
	return path == PATH_INPUT ? "INPUT" : "FORWARD";
}

/* The other path, when it was not asked for one: whether it would end otherwise. */
static int other_path(struct explain *explain, const struct outcome *outcome, struct buffer *note)
{
	struct outcome other;
	if (explain->path_given)
		return 0;
	int result = engine_run(explain->ruleset, &explain->packet, PATH_FORWARD, NULL, NULL, &other);
	if (result)
		return result;
	if (other.verdicts == outcome->verdicts)
		return 0;
	buffer_puts(note, "on the way through FORWARD (--path forward) it would be ");
	verdict_print(&other, note);
	return 0;
}

static void unsure_print(const struct explain *explain, const struct outcome *outcome, struct buffer *out)
{
	if (!outcome->unsure)
		return;
	rule_name_print(outcome->unsure, out);
	buffer_puts(out, " depends on ");
	dependence_print(outcome->unsure, &explain->packet, out);
}

static const char *early_word(enum early early)
{
	static const char *const words[] = {"no", "yes", "depends", "undecided"};
	return words[early];
}

struct answer {
	struct outcome outcome;
	struct buffer packet, verdict, note, unsure, reason;
	enum early early;
};

static void answer_fini(struct answer *answer)
{
	buffer_fini(&answer->packet);
	buffer_fini(&answer->verdict);
	buffer_fini(&answer->note);
	buffer_fini(&answer->unsure);
	buffer_fini(&answer->reason);
}

static const char *text_or_empty(const struct buffer *buffer)
{
	return buffer->data ? buffer->data : "";
}

static int print_text(const struct explain *explain, const struct answer *answer)
{
	printf("packet: %s\n", text_or_empty(&answer->packet));
	printf("way in (%s):\n%s", path_name(explain->path), text_or_empty(&explain->way));
	printf("verdict: %s\n", text_or_empty(&answer->verdict));
	if (answer->unsure.size)
		printf("not known: %s\n", text_or_empty(&answer->unsure));
	if (answer->note.size)
		printf("note: %s\n", text_or_empty(&answer->note));
	switch (answer->early) {
	case EARLY_YES:
		puts("weir: drops it early");
		break;
	case EARLY_NO:
		printf("weir: does not drop it early: %s\n", text_or_empty(&answer->reason));
		break;
	case EARLY_DEPENDS:
		printf("weir: perhaps drops it early: %s\n", text_or_empty(&answer->reason));
		break;
	case EARLY_UNDECIDED:
		printf("weir: undecided: %s\n", text_or_empty(&answer->reason));
		break;
	}
	return EXIT_DONE;
}

static int print_json(struct explain *explain, const struct answer *answer)
{
	struct json_object *object = json_object_new_object(), *verdicts = json_object_new_array();
	json_object_object_add(object, "packet", json_object_new_string(text_or_empty(&answer->packet)));
	json_object_object_add(object, "path",
			       json_object_new_string(explain->path == PATH_INPUT ? "input" : "forward"));
	json_object_object_add(object, "steps", json_object_get(explain->steps));
	static const char *const names[] = {"accept", "drop", "reject", "unknown"};
	for (unsigned i = 0; i < 4; i++) {
		if (answer->outcome.verdicts & 1u << i)
			json_object_array_add(verdicts, json_object_new_string(names[i]));
	}
	json_object_object_add(object, "verdicts", verdicts);
	json_object_object_add(object, "verdict", json_object_new_string(text_or_empty(&answer->verdict)));
	if (answer->unsure.size)
		json_object_object_add(object, "not_known", json_object_new_string(answer->unsure.data));
	if (answer->note.size)
		json_object_object_add(object, "note", json_object_new_string(answer->note.data));
	json_object_object_add(object, "early", json_object_new_string(early_word(answer->early)));
	if (answer->reason.size)
		json_object_object_add(object, "early_reason", json_object_new_string(answer->reason.data));
	return command_print_json(object);
}

/* --- the command
 * ------------------------------------------------------------------------------------------------ */

enum { OPTION_PACKET = OPTION_OWN, OPTION_LIVE, OPTION_PATH, OPTION_JSON };

static const struct option options[] = {
    {"help", no_argument, NULL, 'h'},
    {"packet", required_argument, NULL, OPTION_PACKET},
    {"live", no_argument, NULL, OPTION_LIVE},
    {"path", required_argument, NULL, OPTION_PATH},
    {"json", no_argument, NULL, OPTION_JSON},
    REGION_OPTIONS,
    {NULL, 0, NULL, 0},
};

/* EXIT_DONE; -1 when --help was asked for; else the exit code. */
static int take_option(struct explain *explain, int option)
{
	int taken = region_arguments_take(&explain->region, "explain", option, optarg);
	if (taken)
		return taken == 1 ? EXIT_DONE : taken == -ENOMEM ? EXIT_SYSTEM : EXIT_USAGE;
	switch (option) {
	case 'h':
		fputs(help, stdout);
		return -1;
	case OPTION_PACKET:
		explain->packet_text = optarg;
		return EXIT_DONE;
	case OPTION_LIVE:
		explain->live = true;
		return EXIT_DONE;
	case OPTION_JSON:
		explain->json = true;
		return EXIT_DONE;
	case OPTION_PATH:
		explain->path_given = true;
		explain->path = strcmp(optarg, "forward") == 0 ? PATH_FORWARD : PATH_INPUT;
		if (explain->path == PATH_INPUT && strcmp(optarg, "input") != 0)
			return command_fail("explain", EXIT_USAGE, "--path %s: expected input or forward",
					    optarg);
		return EXIT_DONE;
	default:
		return command_fail("explain", EXIT_USAGE, "weir explain --help lists the options");
	}
}

static int read_packet(struct explain *explain)
{
	struct arena *arena __attribute__((cleanup(arena_cleanup))) = arena_new();
	struct diagnostics *sink __attribute__((cleanup(diagnostics_cleanup))) = diagnostics_new();
	struct source *source = NULL;
	if (!explain->packet_text)
		return command_fail("explain", EXIT_USAGE, "no --packet given");
	if (arena && sink)
		source = source_new(arena, "--packet", explain->packet_text, strlen(explain->packet_text));
	if (!source)
		return command_fail("explain", EXIT_SYSTEM, "out of memory");
	if (packet_parse(source, sink, &explain->packet) != 0) {
		struct buffer text = {0};
		diagnostics_print(sink, &text);
		fputs(text_or_empty(&text), stderr);
		buffer_fini(&text);
		return EXIT_USAGE;
	}
	if (explain->path_given && explain->path == PATH_INPUT && (explain->packet.known & KNOWN_OUT))
		return command_fail("explain", EXIT_USAGE,
				    "out= belongs to --path forward: what is delivered here goes "
				    "out by no interface");
	/* A packet with a way out is being forwarded. */
	if (explain->packet.known & KNOWN_OUT) {
		explain->path = PATH_FORWARD;
		explain->path_given = true;
	}
	return EXIT_DONE;
}

static int explain_packet(struct explain *explain)
{
	struct answer answer = {0};
	struct region_options region = region_arguments_options(&explain->region);
	if (!region.interface && (explain->packet.known & KNOWN_IN))
		region.interface = explain->packet.in;
	packet_print(&explain->packet, &answer.packet);
	int result = engine_run(explain->ruleset, &explain->packet, explain->path, show_step, explain,
				&answer.outcome);
	if (result == 0) {
		verdict_print(&answer.outcome, &answer.verdict);
		if (!explain->ruleset->has_family[explain->packet.family])
			buffer_puts(&answer.verdict, ": there are no rules of its family");
		unsure_print(explain, &answer.outcome, &answer.unsure);
		result = other_path(explain, &answer.outcome, &answer.note);
	}
	if (result == 0)
		result =
		    early_judge(explain->ruleset, &explain->packet, &region, &answer.early, &answer.reason);
	int code;
	if (result)
		code = command_fail("explain", EXIT_SYSTEM, "%s", strerror(-result));
	else
		code = explain->json ? print_json(explain, &answer) : print_text(explain, &answer);
	answer_fini(&answer);
	return code;
}

static int explain_arguments(struct explain *explain, int argc, char **argv)
{
	int option;
	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		int code = take_option(explain, option);
		if (code != EXIT_DONE)
			return code < 0 ? EXIT_DONE : code;
	}
	int code = read_packet(explain);
	if (code != EXIT_DONE)
		return code;
	struct ruleset *ruleset __attribute__((cleanup(ruleset_cleanup))) = NULL;
	code = command_load((const char *const *)argv + optind, (size_t)(argc - optind), explain->live,
			    &ruleset);
	if (code != EXIT_DONE)
		return code;
	explain->ruleset = ruleset;
	return explain_packet(explain);
}

static int explain_main(int argc, char **argv)
{
	struct explain *explain = calloc(1, sizeof(*explain));
	if (!explain)
		return command_fail("explain", EXIT_SYSTEM, "out of memory");
	region_arguments_init(&explain->region);
	explain->steps = json_object_new_array();
	int code = explain_arguments(explain, argc, argv);
	json_object_put(explain->steps);
	buffer_fini(&explain->way);
	region_arguments_fini(&explain->region);
	free(explain);
	return code;
}

const struct command command_explain = {
    .name = "explain",
    .main = explain_main,
    .summary = "one packet's way through the rules, and whether weir drops it early",
};
