/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir replay: a capture through the engine, packet by packet. A verdict is told only when it is certain;
 * what depends on things that a capture does not show (connection state, interfaces, matches that are not
 * modelled) is undecided, and the rule that it depends on is named. Fragments are judged one by one, as
 * without conntrack's reassembly. */
#include "command/command.h"
#include "command/reason.h"
#include "engine/engine.h"
#include "packet/capture.h"

#include <errno.h>
#include <getopt.h>
#include <json-c/json.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

struct count {
	uint64_t packets, bytes, perhaps; /* perhaps: packets of which it is not known */
};

struct rule_count {
	struct count count;
	uint64_t undecided_match,
	    undecided_target;         /* packets that are undecided for this rule first of all */
	const struct packet *example; /* the first of undecided_match */
};

struct chain_count {
	struct count policy;
	struct rule_count *rules;
};

enum total { TOTAL_ACCEPTED, TOTAL_DROPPED, TOTAL_REJECTED, TOTAL_UNDECIDED, TOTAL_NO_RULES, TOTAL_COUNT };
static const char *const total_names[TOTAL_COUNT] = {"accepted", "dropped", "rejected", "undecided",
						     "without rules"};
static const char *const total_keys[TOTAL_COUNT] = {"accepted", "dropped", "rejected", "undecided",
						    "without_rules"};

struct replay {
	struct arena *arena;
	const struct ruleset *ruleset;
	const char *capture_path, *interface, *write_path;
	enum path path;
	bool state_given, json, mac_given;
	enum connection_state state;
	uint8_t mac[6];

	struct chain_count *chains[FAMILY_COUNT][TABLE_COUNT]; /* by chain->order */
	uint64_t frames, other, malformed, frame_bytes;
	struct count totals[TOTAL_COUNT];
	/* of the packet under way */
	uint32_t length;
	const struct rule *opaque;
};

static const char help[] =
    "usage: weir replay RULES... CAPTURE [options]\n"
    "\n"
    "Runs a pcap or pcapng file through the rules and counts verdicts and rules. Needs no privileges.\n"
    "\n"
    "  --live                  the rules of this network namespace instead of files\n"
    "  --interface NAME        the interface that the packets came in by (frames with a VLAN tag came in\n"
    "                          by one above it)\n"
    "  --mac ADDRESS           Ethernet: only frames to this address, broadcast and multicast are judged\n"
    "  --state STATE           what conntrack says of tracked packets: new, established, related,\n"
    "                          invalid, untracked; not given: unknown\n"
    "  --path input|forward    which way they go (input)\n"
    "  --write-dropped FILE    keep the packets that are dropped or rejected, as pcap\n"
    "  --json\n";

/* --- counting
 * --------------------------------------------------------------------------------------------------- */

static int counters_new(struct replay *replay)
{
	for (unsigned family = 0; family < FAMILY_COUNT; family++) {
		for (unsigned id = 0; id < TABLE_COUNT; id++) {
			const struct table *table = &replay->ruleset->tables[family][id];
			struct chain_count *chains =
			    arena_array(replay->arena, table->chain_count, sizeof(struct chain_count));
			if (!chains)
				return -ENOMEM;
			replay->chains[family][id] = chains;
			for (size_t i = 0; i < table->chain_count; i++) {
				const struct chain *chain = table->chains[i];
				chains[chain->order].rules =
				    arena_array(replay->arena, chain->rule_count, sizeof(struct rule_count));
				if (!chains[chain->order].rules)
					return -ENOMEM;
			}
		}
	}
	return 0;
}

static struct chain_count *chain_count_of(const struct replay *replay, const struct chain *chain)
{
	return &replay->chains[chain->table->family][chain->table->id][chain->order];
}

static struct rule_count *rule_count_of(const struct replay *replay, const struct rule *rule)
{
	return &chain_count_of(replay, rule->chain)->rules[rule->number - 1];
}

static void count_add(struct count *count, uint32_t bytes, enum truth truth)
{
	if (truth == TRUTH_YES) {
		count->packets++;
		count->bytes += bytes;
	} else {
		count->perhaps++;
	}
}

static void count_step(void *context, const struct step *step)
{
	struct replay *replay = context;
	if (step->kind == STEP_RULE) {
		count_add(&rule_count_of(replay, step->rule)->count, replay->length, step->truth);
		if (step->rule->target.type->kind == TARGET_OPAQUE && !replay->opaque)
			replay->opaque = step->rule;
	} else if (step->kind == STEP_POLICY) {
		count_add(&chain_count_of(replay, step->chain)->policy, replay->length, step->truth);
	}
}

static enum total total_of(unsigned verdicts)
{
	switch (verdicts) {
	case VERDICT_ACCEPT:
		return TOTAL_ACCEPTED;
	case VERDICT_DROP:
		return TOTAL_DROPPED;
	case VERDICT_REJECT:
		return TOTAL_REJECTED;
	default:
		return TOTAL_UNDECIDED;
	}
}

/* Neighbour discovery and multicast listener messages are never tracked: nf_conntrack_icmpv6_error(). */
static bool never_tracked(const struct packet *packet)
{
	if (packet->family != FAMILY_IPV6 || !(packet->known & KNOWN_ICMP) || packet->fragment_offset)
		return false;
	return (packet->icmp_type >= 130 && packet->icmp_type <= 136) || packet->icmp_type == 143;
}

static void complete_packet(const struct replay *replay, struct packet *packet)
{
	if (replay->interface && !packet->vlan) {
		snprintf(packet->in, sizeof(packet->in), "%s", replay->interface);
		packet->known |= KNOWN_IN;
	}
	if (replay->state_given) {
		packet->state =
		    replay->state == STATE_NEW && never_tracked(packet) ? STATE_UNTRACKED : replay->state;
		packet->known |= KNOWN_STATE;
	}
}

static int note_reason(struct replay *replay, const struct packet *packet, const struct outcome *outcome)
{
	if (replay->opaque && (outcome->verdicts & VERDICT_UNKNOWN)) {
		rule_count_of(replay, replay->opaque)->undecided_target++;
	} else if (outcome->unsure) {
		struct rule_count *count = rule_count_of(replay, outcome->unsure);
		if (!count->undecided_match++) {
			struct packet *example = arena_alloc(replay->arena, sizeof(*example));
			if (!example)
				return -ENOMEM;
			*example = *packet;
			count->example = example;
		}
	}
	return 0;
}

static int replay_packet(struct replay *replay, struct packet *packet, bool *dropped)
{
	struct outcome outcome;
	complete_packet(replay, packet);
	replay->length = packet->known & KNOWN_LENGTH ? packet->length : 0;
	replay->opaque = NULL;
	*dropped = false;
	if (!replay->ruleset->has_family[packet->family]) {
		count_add(&replay->totals[TOTAL_NO_RULES], replay->length, TRUTH_YES);
		return 0;
	}
	int result = engine_run(replay->ruleset, packet, replay->path, count_step, replay, &outcome);
	if (result)
		return result;
	enum total total = total_of(outcome.verdicts);
	/* Dropped with an answer or without: dropped in any case. */
	*dropped = outcome.verdicts && !(outcome.verdicts & ~(unsigned)(VERDICT_DROP | VERDICT_REJECT));
	count_add(&replay->totals[total], replay->length, TRUTH_YES);
	return total == TOTAL_UNDECIDED ? note_reason(replay, packet, &outcome) : 0;
}

/* Ethernet only: a unicast frame to another host never reaches the rules. */
static bool for_another_host(const struct replay *replay, const struct capture_frame *frame)
{
	return replay->mac_given && frame->link_type == 1 && frame->captured >= 6 && !(frame->data[0] & 1) &&
	       memcmp(frame->data, replay->mac, 6) != 0;
}

/* --- the capture
 * ------------------------------------------------------------------------------------------------ */

struct progress {
	bool shown;
	struct timespec last;
};

static void show_progress(struct progress *progress, const struct capture *capture, uint64_t frames)
{
	struct timespec now;
	if (frames % 4096 || !isatty(STDERR_FILENO))
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	double passed = (double)(now.tv_sec - progress->last.tv_sec) +
			(double)(now.tv_nsec - progress->last.tv_nsec) / 1e9;
	if (progress->last.tv_sec == 0)
		progress->last = now;
	else if (passed > 0.25) {
		double share = capture_progress(capture);
		progress->last = now;
		progress->shown = true;
		if (share >= 0)
			fprintf(stderr, "\r%llu packets, %.0f %%\033[K", (unsigned long long)frames,
				100 * share);
		else
			fprintf(stderr, "\r%llu packets\033[K", (unsigned long long)frames);
	}
}

static int replay_frame(struct replay *replay, const struct capture_frame *frame,
			struct capture_writer *writer)
{
	struct packet packet;
	enum link_verdict link;
	bool dropped;
	replay->frames++;
	int result =
	    packet_decode(frame->link_type, frame->data, frame->captured, frame->original, &packet, &link);
	if (result == -ENOTSUP)
		return command_fail("replay", EXIT_USAGE,
				    "%s: link type %d is not understood: Ethernet, raw IP, Linux "
				    "cooked and loopback captures are",
				    replay->capture_path, frame->link_type);
	replay->frame_bytes += frame->original;
	if (link == FRAME_OTHER || for_another_host(replay, frame)) {
		replay->other++;
		return EXIT_DONE;
	}
	if (link == FRAME_MALFORMED) {
		replay->malformed++;
		return EXIT_DONE;
	}
	packet.time = frame->time;
	packet.known |= KNOWN_TIME;
	result = replay_packet(replay, &packet, &dropped);
	if (result)
		return command_fail("replay", EXIT_SYSTEM, "%s", strerror(-result));
	if (dropped && writer) {
		result = capture_writer_add(writer, frame);
		if (result)
			return command_fail("replay", EXIT_SYSTEM, "%s: %s", replay->write_path,
					    strerror(-result));
	}
	return EXIT_DONE;
}

static int replay_frames(struct replay *replay, struct capture *capture, struct capture_writer *writer)
{
	struct progress progress = {0};
	struct capture_frame frame;
	struct buffer reason = {0};
	int code = EXIT_DONE, more;
	while ((more = capture_next(capture, &frame, &reason)) == 1) {
		code = replay_frame(replay, &frame, writer);
		if (code != EXIT_DONE)
			break;
		show_progress(&progress, capture, replay->frames);
	}
	if (progress.shown)
		fputs("\r\033[K", stderr);
	if (more < 0)
		code = command_fail("replay", EXIT_USAGE, "%s: damaged after %llu packets: %s",
				    replay->capture_path, (unsigned long long)replay->frames,
				    reason.data ? reason.data : "unreadable");
	buffer_fini(&reason);
	return code;
}

static int replay_capture(struct replay *replay)
{
	struct capture *capture __attribute__((cleanup(capture_cleanup))) = NULL;
	struct capture_writer *writer __attribute__((cleanup(capture_writer_cleanup))) = NULL;
	struct buffer reason = {0};
	int result = capture_open(replay->capture_path, &capture, &reason);
	if (result) {
		command_fail("replay", EXIT_USAGE, "%s: %s", replay->capture_path,
			     reason.data ? reason.data : strerror(-result));
		buffer_fini(&reason);
		return EXIT_USAGE;
	}
	if (replay->write_path) {
		result = capture_writer_open(capture, replay->write_path, &writer, &reason);
		if (result) {
			command_fail("replay", EXIT_SYSTEM, "%s: %s", replay->write_path,
				     reason.data ? reason.data : strerror(-result));
			buffer_fini(&reason);
			return EXIT_SYSTEM;
		}
	}
	buffer_fini(&reason);
	int code = replay_frames(replay, capture, writer);
	if (code == EXIT_DONE && writer) {
		result = capture_writer_commit(writer);
		if (result)
			code = command_fail("replay", EXIT_SYSTEM, "%s: %s", replay->write_path,
					    strerror(-result));
	}
	return code;
}

/* --- the report
 * ------------------------------------------------------------------------------------------------- */

typedef void (*rule_visit)(void *context, const struct replay *replay, const struct chain *chain,
			   const struct rule *rule);

/* Every rule of the tables that packets walk, each chain's policy behind its rules (rule NULL). */
static void visit_rules(const struct replay *replay, rule_visit visit, void *context)
{
	for (unsigned family = 0; family < FAMILY_COUNT; family++) {
		for (unsigned id = 0; id < TABLE_COUNT; id++) {
			const struct table *table = &replay->ruleset->tables[family][id];
			for (size_t i = 0; id != TABLE_NAT && i < table->chain_count; i++) {
				const struct chain *chain = table->chains[i];
				for (size_t j = 0; j < chain->rule_count; j++)
					visit(context, replay, chain, &chain->rules[j]);
				if (chain->builtin)
					visit(context, replay, chain, NULL);
			}
		}
	}
}

static void print_rule(void *context, const struct replay *replay, const struct chain *chain,
		       const struct rule *rule)
{
	struct source_cursor *cursor = context;
	const struct count *count =
	    rule ? &rule_count_of(replay, rule)->count : &chain_count_of(replay, chain)->policy;
	if (!count->packets && !count->perhaps)
		return;
	printf("%12llu %14llu ", (unsigned long long)count->packets, (unsigned long long)count->bytes);
	if (count->perhaps)
		printf("+%llu perhaps ", (unsigned long long)count->perhaps);
	struct span span = rule ? rule->span : chain->span;
	if (span.source)
		printf(" %s:%u:", span.source->name, source_line(cursor, span));
	printf(" %s ", table_names[chain->table->id]);
	struct buffer text = {0};
	if (!rule)
		buffer_puts(&text, "-P ");
	clean_print(rule ? rule_text(rule) : chain->name, &text);
	if (!rule)
		buffer_puts(&text, chain->policy == POLICY_DROP ? " DROP" : " ACCEPT");
	puts(text.data ? text.data : "");
	buffer_fini(&text);
}

/* The reasons of one rule, each with its count, to `add`. */
static void visit_reasons(const struct replay *replay, const struct rule *rule,
			  void (*add)(void *context, const struct rule *rule, const char *text,
				      uint64_t packets),
			  void *context)
{
	const struct rule_count *count = rule_count_of(replay, rule);
	struct buffer text = {0};
	if (count->undecided_target) {
		buffer_puts(&text, "its target is not modelled");
		add(context, rule, text.data ? text.data : "", count->undecided_target);
		text.size = 0;
	}
	if (count->undecided_match) {
		buffer_puts(&text, "it depends on ");
		dependence_print(rule, count->example, &text);
		add(context, rule, text.data ? text.data : "", count->undecided_match);
	}
	buffer_fini(&text);
}

static void print_reason(void *context, const struct rule *rule, const char *text, uint64_t packets)
{
	bool *first = context;
	struct buffer name = {0};
	if (*first)
		puts("\nundecided because of:");
	*first = false;
	rule_name_print(rule, &name);
	printf("%12llu  %s: %s\n", (unsigned long long)packets, name.data ? name.data : "", text);
	buffer_fini(&name);
}

static void print_reasons(void *context, const struct replay *replay, const struct chain *chain,
			  const struct rule *rule)
{
	(void)chain;
	if (rule)
		visit_reasons(replay, rule, print_reason, context);
}

static void report_text(const struct replay *replay)
{
	struct source_cursor cursor = {0};
	bool first = true;
	printf("%s: %llu packets\n", replay->capture_path, (unsigned long long)replay->frames);
	for (unsigned total = 0; total < TOTAL_COUNT; total++) {
		const struct count *count = &replay->totals[total];
		if (count->packets || total <= TOTAL_DROPPED)
			printf("%12llu %14llu  %s\n", (unsigned long long)count->packets,
			       (unsigned long long)count->bytes, total_names[total]);
	}
	if (replay->other)
		printf("%12llu %14s  not IP, or not for this host\n", (unsigned long long)replay->other, "");
	if (replay->malformed)
		printf("%12llu %14s  malformed: dropped before any rule\n",
		       (unsigned long long)replay->malformed, "");
	puts("\n     packets          bytes  rule");
	visit_rules(replay, print_rule, &cursor);
	visit_rules(replay, print_reasons, &first);
	if (!first && !(replay->interface && replay->state_given))
		printf("a capture does not show everything: say %s\n",
		       replay->interface     ? "--state STATE"
		       : replay->state_given ? "--interface NAME"
					     : "--interface NAME, --state STATE");
}

struct report {
	struct json_object *rules, *reasons;
	struct source_cursor cursor;
};

static struct json_object *json_number(uint64_t number)
{
	return json_object_new_uint64(number);
}

static void json_rule(void *context, const struct replay *replay, const struct chain *chain,
		      const struct rule *rule)
{
	struct report *report = context;
	const struct count *count =
	    rule ? &rule_count_of(replay, rule)->count : &chain_count_of(replay, chain)->policy;
	struct span span = rule ? rule->span : chain->span;
	struct json_object *object = json_object_new_object();
	json_object_object_add(object, "family",
			       json_object_new_int(chain->table->family == FAMILY_IPV4 ? 4 : 6));
	json_object_object_add(object, "table", json_object_new_string(table_names[chain->table->id]));
	json_object_object_add(object, "chain", clean_json(chain->name));
	if (rule) {
		json_object_object_add(object, "number", json_number(rule->number));
		json_object_object_add(object, "rule", clean_json(rule_text(rule)));
	} else {
		json_object_object_add(
		    object, "policy",
		    json_object_new_string(chain->policy == POLICY_DROP ? "DROP" : "ACCEPT"));
	}
	if (span.source) {
		json_object_object_add(object, "file", clean_json(text_of(span.source->name)));
		json_object_object_add(object, "line", json_number(source_line(&report->cursor, span)));
	}
	json_object_object_add(object, "packets", json_number(count->packets));
	json_object_object_add(object, "bytes", json_number(count->bytes));
	json_object_object_add(object, "perhaps", json_number(count->perhaps));
	json_object_array_add(report->rules, object);
}

static void json_reason(void *context, const struct rule *rule, const char *text, uint64_t packets)
{
	struct report *report = context;
	struct json_object *object = json_object_new_object();
	struct buffer name = {0};
	rule_name_print(rule, &name);
	json_object_object_add(object, "rule", json_object_new_string(name.data ? name.data : ""));
	json_object_object_add(object, "reason", json_object_new_string(text));
	json_object_object_add(object, "packets", json_number(packets));
	json_object_array_add(report->reasons, object);
	buffer_fini(&name);
}

static void json_reasons(void *context, const struct replay *replay, const struct chain *chain,
			 const struct rule *rule)
{
	(void)chain;
	if (rule)
		visit_reasons(replay, rule, json_reason, context);
}

static int report_json(const struct replay *replay)
{
	struct report report = {.rules = json_object_new_array(), .reasons = json_object_new_array()};
	struct json_object *object = json_object_new_object(), *verdicts = json_object_new_object();
	json_object_object_add(object, "capture", json_object_new_string(replay->capture_path));
	json_object_object_add(object, "path",
			       json_object_new_string(replay->path == PATH_INPUT ? "input" : "forward"));
	json_object_object_add(object, "packets", json_number(replay->frames));
	for (unsigned total = 0; total < TOTAL_COUNT; total++) {
		struct json_object *count = json_object_new_object();
		json_object_object_add(count, "packets", json_number(replay->totals[total].packets));
		json_object_object_add(count, "bytes", json_number(replay->totals[total].bytes));
		json_object_object_add(verdicts, total_keys[total], count);
	}
	json_object_object_add(object, "verdicts", verdicts);
	json_object_object_add(object, "other", json_number(replay->other));
	json_object_object_add(object, "malformed", json_number(replay->malformed));
	visit_rules(replay, json_rule, &report);
	visit_rules(replay, json_reasons, &report);
	json_object_object_add(object, "rules", report.rules);
	json_object_object_add(object, "undecided", report.reasons);
	return command_print_json(object);
}

/* --- the command
 * ------------------------------------------------------------------------------------------------ */

enum {
	OPTION_LIVE = 256,
	OPTION_INTERFACE,
	OPTION_MAC,
	OPTION_STATE,
	OPTION_PATH,
	OPTION_WRITE,
	OPTION_JSON
};

static const struct option options[] = {
    {"help", no_argument, NULL, 'h'},
    {"live", no_argument, NULL, OPTION_LIVE},
    {"interface", required_argument, NULL, OPTION_INTERFACE},
    {"mac", required_argument, NULL, OPTION_MAC},
    {"state", required_argument, NULL, OPTION_STATE},
    {"path", required_argument, NULL, OPTION_PATH},
    {"write-dropped", required_argument, NULL, OPTION_WRITE},
    {"json", no_argument, NULL, OPTION_JSON},
    {NULL, 0, NULL, 0},
};

static bool state_parse(const char *name, enum connection_state *state)
{
	for (unsigned candidate = 0; candidate < STATE_COUNT; candidate++) {
		if (strcasecmp(name, connection_state_name(candidate)) == 0) {
			*state = candidate;
			return true;
		}
	}
	return false;
}

static bool mac_parse(const char *text, uint8_t *mac)
{
	unsigned bytes[6];
	int end = 0;
	if (strlen(text) != 17 ||
	    sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &bytes[0], &bytes[1], &bytes[2], &bytes[3], &bytes[4],
		   &bytes[5], &end) != 6 ||
	    end != 17)
		return false;
	for (unsigned i = 0; i < 6; i++)
		mac[i] = (uint8_t)bytes[i];
	return true;
}

static int take_option(struct replay *replay, int option, bool *live)
{
	switch (option) {
	case OPTION_LIVE:
		*live = true;
		return EXIT_DONE;
	case OPTION_JSON:
		replay->json = true;
		return EXIT_DONE;
	case OPTION_WRITE:
		replay->write_path = optarg;
		return EXIT_DONE;
	case OPTION_INTERFACE:
		replay->interface = optarg;
		if (optarg[0] == '\0' || strlen(optarg) >= INTERFACE_NAME_MAX)
			return command_fail("replay", EXIT_USAGE,
					    "--interface %s: not the name of an interface", optarg);
		return EXIT_DONE;
	case OPTION_MAC:
		replay->mac_given = true;
		if (!mac_parse(optarg, replay->mac))
			return command_fail("replay", EXIT_USAGE,
					    "--mac %s: expected six hexadecimal bytes with colons", optarg);
		return EXIT_DONE;
	case OPTION_STATE:
		replay->state_given = true;
		if (!state_parse(optarg, &replay->state))
			return command_fail("replay", EXIT_USAGE,
					    "--state %s: expected new, established, related, "
					    "invalid or untracked",
					    optarg);
		return EXIT_DONE;
	case OPTION_PATH:
		replay->path = strcmp(optarg, "forward") == 0 ? PATH_FORWARD : PATH_INPUT;
		if (replay->path == PATH_INPUT && strcmp(optarg, "input") != 0)
			return command_fail("replay", EXIT_USAGE, "--path %s: expected input or forward",
					    optarg);
		return EXIT_DONE;
	default:
		return command_fail("replay", EXIT_USAGE, "weir replay --help lists the options");
	}
}

static int replay_main(int argc, char **argv)
{
	struct ruleset *ruleset __attribute__((cleanup(ruleset_cleanup))) = NULL;
	struct arena *arena __attribute__((cleanup(arena_cleanup))) = arena_new();
	struct replay replay = {.arena = arena, .path = PATH_INPUT};
	bool live = false;
	int option, code;
	if (!arena)
		return command_fail("replay", EXIT_SYSTEM, "out of memory");
	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == 'h') {
			fputs(help, stdout);
			return EXIT_DONE;
		}
		code = take_option(&replay, option, &live);
		if (code != EXIT_DONE)
			return code;
	}
	if (optind >= argc)
		return command_fail("replay", EXIT_USAGE, "no capture given");
	replay.capture_path = argv[argc - 1];
	code = command_load((const char *const *)argv + optind, (size_t)(argc - 1 - optind), live, &ruleset);
	if (code != EXIT_DONE)
		return code;
	replay.ruleset = ruleset;
	if (counters_new(&replay) != 0)
		return command_fail("replay", EXIT_SYSTEM, "out of memory");
	code = replay_capture(&replay);
	if (code != EXIT_DONE)
		return code;
	if (replay.json)
		return report_json(&replay);
	report_text(&replay);
	return EXIT_DONE;
}

const struct command command_replay = {
    .name = "replay",
    .main = replay_main,
    .summary = "run a capture through the rules: verdicts, and a counter for each rule",
};
