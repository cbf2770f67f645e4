/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What becomes of a packet in one chain is taken from the engine's verdict, or, of nat, from the first target
 * that it surely meets. Where the engine knows on both sides, and they are not the same, no answer but
 * "differs" or "undecided" is right. */
#include "judge.h"

#include "mutate.h"
#include "parity/shrink.h"
#include "way.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHRINK_ATTEMPTS 1500

/* What the engine says of one packet in one chain. */
struct fate_seen {
	bool certain, events_certain, hot_drop;
	bool unsure; /* for want of the whole packet, or of what CT tells conntrack: no match is to blame */
	struct buffer verdict, events;
	bool tracked; /* some event told conntrack */
};

static void fate_fini(struct fate_seen *fate)
{
	buffer_fini(&fate->verdict);
	buffer_fini(&fate->events);
}

static void put_target(const struct rule *rule, struct buffer *out)
{
	buffer_puts(out, rule->target.type->name);
	if (rule->target.type->print)
		rule->target.type->print(&rule->target, rule, out);
}

static void put_event(struct fate_seen *fate, const struct rule *rule)
{
	const struct target_type *type = rule->target.type;
	bool marks = type->kind == TARGET_CHANGE && type->rewrites == KNOWN_MARK;

	/* Marks are put together: what they come to is not followed here. */
	if (marks)
		return;
	if (type->kind == TARGET_NOTRACK) {
		if (!fate->tracked)
			buffer_puts(&fate->events, "NOTRACK;");
		fate->tracked = true;
		return;
	}
	if (type->kind == TARGET_CONTINUE && !type->effects && !type->print)
		return;
	put_target(rule, &fate->events);
	buffer_puts(&fate->events, ";");
}

static void record(void *context, const struct step *step)
{
	struct fate_seen *fate = context;
	const struct target_type *type = step->rule ? step->rule->target.type : NULL;

	if (step->kind == STEP_HOT_DROP)
		fate->hot_drop = fate->unsure = true;
	if (step->kind != STEP_RULE)
		return;
	if (step->truth != TRUTH_YES) {
		fate->events_certain = false;
		fate->unsure |= type->kind == TARGET_CHANGE;
	}
	if (step->truth == TRUTH_YES && type->nat && !fate->certain && fate->events_certain) {
		put_target(step->rule, &fate->verdict);
		fate->certain = true;
	}
	if (type->kind == TARGET_CONTINUE || type->kind == TARGET_CHANGE || type->kind == TARGET_NOTRACK)
		put_event(fate, step->rule);
	else if (type->kind == TARGET_REWRITE || type->kind == TARGET_QUEUE || type->kind == TARGET_OPAQUE) {
		fate->events_certain = false;
		fate->unsure |= !type->nat;
	}
}

static void ask(const struct ruleset *ruleset, const struct packet *packet, enum table_id table,
		enum hook hook, struct fate_seen *fate)
{
	struct outcome outcome;

	*fate = (struct fate_seen){.events_certain = true};
	if (engine_chain(ruleset, packet, table, hook, record, fate, &outcome) || fate->certain)
		return;
	/* TCPMSS drops what has a broken header, as matches do: diff speaks of packets that are whole. */
	if (outcome.rule && outcome.rule->target.type->kind == TARGET_CHANGE)
		fate->hot_drop = true;
	if (outcome.verdicts == VERDICT_ACCEPT || outcome.verdicts == VERDICT_DROP) {
		buffer_puts(&fate->verdict, outcome.verdicts == VERDICT_ACCEPT ? "ACCEPT" : "DROP");
		fate->certain = true;
	} else if (outcome.verdicts == VERDICT_REJECT && outcome.rule) {
		put_target(outcome.rule, &fate->verdict);
		fate->certain = true;
	}
}

static bool buffers_same(const struct buffer *a, const struct buffer *b)
{
	return a->size == b->size && (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}

/* Whether the engine is sure that it is treated otherwise. */
static bool treated_otherwise(struct ruleset *const *rulesets, const struct packet *packet,
			      enum table_id table, enum hook hook, bool effects, struct buffer *why)
{
	struct fate_seen seen[2];
	bool other = false;

	for (int side = 0; side < 2; side++)
		ask(rulesets[side], packet, table, hook, &seen[side]);
	if (!seen[0].hot_drop && !seen[1].hot_drop) {
		bool verdicts =
		    seen[0].certain && seen[1].certain && !buffers_same(&seen[0].verdict, &seen[1].verdict);
		bool events = effects && seen[0].events_certain && seen[1].events_certain &&
			      !buffers_same(&seen[0].events, &seen[1].events);
		other = verdicts || events;
	}
	if (other && why)
		buffer_printf(why, "%s %s: %s (%s), then %s (%s)", table_names[table], hook_names[hook],
			      seen[0].verdict.data ? seen[0].verdict.data : "?",
			      seen[0].events.data ? seen[0].events.data : "",
			      seen[1].verdict.data ? seen[1].verdict.data : "?",
			      seen[1].events.data ? seen[1].events.data : "");
	fate_fini(&seen[0]);
	fate_fini(&seen[1]);
	return other;
}

static enum difference_answer answer_of(const struct difference *difference, enum family family,
					enum table_id table, enum hook hook)
{
	for (size_t i = 0; i < difference->chain_count; i++) {
		const struct difference_chain *chain = &difference->chains[i];
		if (chain->family == family && chain->table == table && chain->hook == hook)
			return chain->answer;
	}
	return DIFFERENCE_NONE;
}

static void keep_packet(const struct packet *packet, const struct frame *frame, struct judgement *judgement)
{
	judgement->has_packet = true;
	judgement->packet = *packet;
	if (!frame)
		return;
	judgement->frame = *frame;
	if (packet->bytes)
		judgement->packet.bytes = judgement->frame.data + (packet->bytes - frame->data);
}

static enum difference_answer fate_of(const struct difference *difference, enum family family,
				      enum journey journey)
{
	for (size_t i = 0; i < difference->journey_count; i++)
		if (difference->journeys[i].family == family && difference->journeys[i].journey == journey)
			return difference->journeys[i].answer;
	return DIFFERENCE_NONE;
}

static void judge_ways(const struct ways *ways, const struct difference *difference,
		       const struct packet *packet, const struct frame *frame, struct judgement *judgement)
{
	for (enum journey journey = 0; journey < JOURNEY_COUNT; journey++) {
		if (!ways_differ(ways, packet, journey, NULL))
			continue;
		judgement->ways_differ = true;
		if (fate_of(difference, packet->family, journey) != DIFFERENCE_NONE || judgement->failure)
			continue;
		judgement->failure = FAILURE_UNSOUND;
		ways_differ(ways, packet, journey, &judgement->why);
		keep_packet(packet, frame, judgement);
	}
}

static void judge_packet(const struct question *question, struct ruleset *const *rulesets,
			 const struct difference *difference, const struct packet *packet,
			 const struct frame *frame, struct judgement *judgement)
{
	judgement->packets++;
	for (enum table_id table = 0; table < TABLE_COUNT; table++)
		for (enum hook hook = 0; hook < HOOK_COUNT; hook++) {
			const struct table *own[2] = {&rulesets[0]->tables[packet->family][table],
						      &rulesets[1]->tables[packet->family][table]};
			if (!own[0]->hooks[hook] && !own[1]->hooks[hook])
				continue;
			if (!treated_otherwise(rulesets, packet, table, hook, question->effects, NULL))
				continue;
			judgement->engine_differs = true;
			if (answer_of(difference, packet->family, table, hook) != DIFFERENCE_NONE ||
			    judgement->failure)
				continue;
			judgement->failure = FAILURE_UNSOUND;
			treated_otherwise(rulesets, packet, table, hook, question->effects, &judgement->why);
			keep_packet(packet, frame, judgement);
		}
}

static void fail(struct judgement *judgement, enum failure failure, const struct difference_chain *chain,
		 const struct difference_region *region, const char *what)
{
	struct buffer packet = {0};

	if (judgement->failure)
		return;
	judgement->failure = failure;
	if (region->has_witness)
		packet_print(&region->packet, &packet);
	buffer_printf(&judgement->why, "%s: %s %s: %s: was %s (%s), is %s (%s), where %s; packet %s", what,
		      table_names[chain->table], hook_names[chain->hook],
		      region->words ? region->words : "NULL", region->before.verdict,
		      region->before.effects ? region->before.effects : "", region->after.verdict,
		      region->after.effects ? region->after.effects : "",
		      region->unknowns ? region->unknowns : "", packet.data ? packet.data : "none");
	buffer_fini(&packet);
}

static bool is_same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* The region's packet, on both sides. */
static void judge_region(const struct question *question, struct ruleset *const *rulesets,
			 const struct difference_chain *chain, const struct difference_region *region,
			 struct judgement *judgement)
{
	judgement->regions++;
	judgement->with_unknowns += region->unknowns != NULL;
	if (!region->words || !region->words[0] || !region->before.verdict || !region->after.verdict ||
	    (is_same(region->before.verdict, region->after.verdict) &&
	     is_same(region->before.effects, region->after.effects)))
		fail(judgement, FAILURE_WORDS, chain, region, "says nothing");
	if (!region->has_witness) {
		if (!region->unknowns && !question->short_budget)
			fail(judgement, FAILURE_WITNESS, chain, region, "no packet");
		return;
	}
	bool all = true, unsure = false;
	for (int side = 0; side < 2; side++) {
		const struct fate *fate = side ? &region->after : &region->before;
		struct fate_seen seen;
		ask(rulesets[side], &region->packet, chain->table, chain->hook, &seen);
		bool same =
		    seen.certain && seen.verdict.data && strcmp(seen.verdict.data, fate->verdict) == 0;
		all &= same;
		/* What a match that is not modelled asks may contradict what the packet was free to be. Where
		 * a match holds or its opposite does, the engine, which takes them one by one, may be unsure;
		 * such regions are few. */
		if (!same && !region->unknowns && seen.certain)
			fail(judgement, FAILURE_WITNESS, chain, region,
			     side ? "not confirmed behind" : "not confirmed before");
		unsure |= !same && !region->unknowns && !seen.unsure;
		fate_fini(&seen);
	}
	judgement->confirmed += all;
	judgement->unsure += unsure;
}

static void judge_regions(const struct question *question, struct ruleset *const *rulesets,
			  const struct difference *difference, struct judgement *judgement)
{
	for (size_t i = 0; i < difference->chain_count; i++) {
		const struct difference_chain *chain = &difference->chains[i];
		if (chain->answer == DIFFERENCE_UNDECIDED && !chain->reason && !judgement->failure) {
			judgement->failure = FAILURE_WORDS;
			buffer_puts(&judgement->why, "undecided without a reason");
		}
		if (chain->answer == DIFFERENCE_FOUND && !chain->region_count && !judgement->failure) {
			judgement->failure = FAILURE_WORDS;
			buffer_printf(&judgement->why, "%s %s differs, but no region is told",
				      table_names[chain->table], hook_names[chain->hook]);
		}
		for (size_t r = 0; r < chain->region_count; r++)
			judge_region(question, rulesets, chain, &chain->regions[r], judgement);
	}
}

static void judge_journeys(const struct question *question, const struct ways *ways,
			   const struct difference *difference, struct judgement *judgement)
{
	for (size_t i = 0; i < difference->journey_count; i++) {
		const struct difference_journey *journey = &difference->journeys[i];
		const struct difference_chain chain = {.family = journey->family, .hook = HOOK_INPUT};
		if (journey->answer == DIFFERENCE_UNDECIDED && !journey->reason && !judgement->failure) {
			judgement->failure = FAILURE_WORDS;
			buffer_puts(&judgement->why, "a journey is undecided without a reason");
		}
		if (journey->answer == DIFFERENCE_FOUND && !journey->region_count && !judgement->failure) {
			judgement->failure = FAILURE_WORDS;
			buffer_puts(&judgement->why, "a journey differs, but no region is told");
		}
		for (size_t r = 0; r < journey->region_count; r++) {
			const struct difference_region *region = &journey->regions[r];
			bool all = true;
			judgement->regions++;
			judgement->with_unknowns += region->unknowns != NULL;
			if (!region->words || !region->words[0] ||
			    (is_same(region->before.verdict, region->after.verdict) &&
			     is_same(region->before.effects, region->after.effects)))
				fail(judgement, FAILURE_WORDS, &chain, region, "a journey says nothing");
			if (!region->has_witness && !region->unknowns && !question->short_budget)
				fail(judgement, FAILURE_WITNESS, &chain, region, "no packet of a journey");
			for (int side = 0; side < 2 && region->has_witness; side++) {
				bool confirmed;
				if (ways_contradict(ways, side, journey, region, &confirmed) &&
				    !region->unknowns)
					fail(judgement, FAILURE_WITNESS, &chain, region,
					     side ? "on its way, not confirmed behind"
						  : "on its way, not confirmed before");
				all &= confirmed;
			}
			judgement->confirmed += all && region->has_witness;
		}
	}
}

static void judge_loaded(const struct question *question, struct ruleset *const *rulesets,
			 struct judgement *judgement)
{
	const struct difference_options options = {
	    .effects = question->effects, .node_budget = question->node_budget, .journeys = true};
	struct ways ways;
	struct difference *difference __attribute__((cleanup(difference_cleanup))) = NULL;
	struct random random = {question->seed};
	struct aim aim;

	int error = difference_compute(rulesets[0], rulesets[1], &options, &difference);
	if (error) {
		judgement->failure = FAILURE_COMPUTE;
		buffer_printf(&judgement->why, "difference_compute(): %s", strerror(-error));
		return;
	}
	judgement->answer = difference->answer;
	judgement->fate = difference->fate;
	ways_init(&ways, rulesets);
	aim_take(&aim, question->sides[0], question->sides[1], question->pool);
	if (question->packet) {
		judge_packet(question, rulesets, difference, question->packet, NULL, judgement);
		judge_ways(&ways, difference, question->packet, NULL, judgement);
	}
	for (unsigned i = 0; i < question->packets && !question->packet; i++) {
		struct frame frame;
		struct packet packet;

		if (!packet_draw(&aim, &random, &frame, &packet))
			continue;
		judge_packet(question, rulesets, difference, &packet, &frame, judgement);
		judge_ways(&ways, difference, &packet, &frame, judgement);
	}
	judge_regions(question, rulesets, difference, judgement);
	judge_journeys(question, &ways, difference, judgement);
	ways_fini(&ways);
	if (question->same && difference->answer == DIFFERENCE_FOUND && !judgement->failure) {
		judgement->failure = FAILURE_NOT_THE_SAME;
		for (size_t i = 0; i < difference->chain_count; i++) {
			const struct difference_chain *chain = &difference->chains[i];
			if (chain->region_count) {
				judgement->failure = FAILURE_NONE;
				fail(judgement, FAILURE_NOT_THE_SAME, chain, &chain->regions[0],
				     "a rewrite of one meaning");
				break;
			}
		}
	}
}

bool judge(const struct question *question, struct judgement *judgement)
{
	struct ruleset *rulesets[2] = {NULL, NULL};
	struct buffer why = {0};

	*judgement = (struct judgement){0};
	rulesets[0] = side_load(question->sides[0], &why);
	rulesets[1] = rulesets[0] ? side_load(question->sides[1], &why) : NULL;
	bool both = rulesets[0] && rulesets[1];
	if (both)
		judge_loaded(question, rulesets, judgement);
	else
		buffer_add(&judgement->why, why.data ? why.data : "", why.size);
	ruleset_free(rulesets[0]);
	ruleset_free(rulesets[1]);
	buffer_fini(&why);
	return both;
}

void judgement_fini(struct judgement *judgement)
{
	buffer_fini(&judgement->why);
}

/* --- smaller
 * --------------------------------------------------------------------------------------------------- */

struct item {
	bool set; /* of the sets' lines */
	size_t line[2];
};

#define ABSENT SIZE_MAX

struct smaller {
	const struct question *question;
	enum failure failure;
	const struct packet *packet;
	struct item *items;
	size_t count;
	struct side sides[2];
};

static bool may_go(const char *line)
{
	return is_rule(line) || strncmp(line, "add ", 4) == 0;
}

/* A line that both have is one item: those of the common beginning and end. */
static void pair_lines(struct smaller *smaller, bool set)
{
	const struct lines *a =
	    set ? &smaller->question->sides[0]->sets : &smaller->question->sides[0]->tables;
	const struct lines *b =
	    set ? &smaller->question->sides[1]->sets : &smaller->question->sides[1]->tables;
	size_t begin = 0, ends[2] = {a->count, b->count};

	while (begin < ends[0] && begin < ends[1] && strcmp(a->items[begin], b->items[begin]) == 0)
		begin++;
	while (ends[0] > begin && ends[1] > begin &&
	       strcmp(a->items[ends[0] - 1], b->items[ends[1] - 1]) == 0) {
		ends[0]--;
		ends[1]--;
	}
	for (size_t i = 0; i < a->count; i++) {
		size_t other = i < begin ? i : i >= ends[0] ? i - ends[0] + ends[1] : ABSENT;
		if (may_go(a->items[i]))
			smaller->items[smaller->count++] = (struct item){set, {i, other}};
	}
	for (size_t i = begin; i < ends[1]; i++)
		if (may_go(b->items[i]))
			smaller->items[smaller->count++] = (struct item){set, {ABSENT, i}};
}

static void make_sides(struct smaller *smaller, const bool *keep)
{
	for (int side = 0; side < 2; side++) {
		side_fini(&smaller->sides[side]);
		side_copy(&smaller->sides[side], smaller->question->sides[side]);
	}
	for (size_t i = 0; i < smaller->count; i++)
		for (int side = 0; side < 2 && !keep[i]; side++) {
			struct lines *lines =
			    smaller->items[i].set ? &smaller->sides[side].sets : &smaller->sides[side].tables;
			if (smaller->items[i].line[side] != ABSENT)
				lines_set(lines, smaller->items[i].line[side], "#");
		}
	for (int side = 0; side < 2; side++)
		for (int set = 0; set < 2; set++) {
			struct lines *lines = set ? &smaller->sides[side].sets : &smaller->sides[side].tables;
			for (size_t i = lines->count; i-- > 0;)
				if (strcmp(lines->items[i], "#") == 0)
					lines_remove(lines, i);
		}
}

static bool still_fails(void *context, const bool *keep)
{
	struct smaller *smaller = context;
	struct question question = *smaller->question;
	struct judgement judgement;

	make_sides(smaller, keep);
	question.sides[0] = &smaller->sides[0];
	question.sides[1] = &smaller->sides[1];
	question.packet = smaller->packet;
	question.packets = 0;
	bool fails = judge(&question, &judgement) && judgement.failure == smaller->failure;
	judgement_fini(&judgement);
	return fails;
}

static size_t line_count(const struct question *question)
{
	return question->sides[0]->tables.count + question->sides[1]->tables.count +
	       question->sides[0]->sets.count + question->sides[1]->sets.count;
}

void judge_print_smallest(const struct question *question, const struct judgement *judgement)
{
	struct smaller smaller = {.question = question,
				  .failure = judgement->failure,
				  .packet = judgement->has_packet ? &judgement->packet : NULL};
	size_t most = line_count(question) + 1;
	smaller.items = calloc(most, sizeof(*smaller.items));
	bool *keep = malloc(most);
	struct buffer line = {0};

	if (!smaller.items || !keep)
		abort();
	memset(keep, true, most);
	pair_lines(&smaller, false);
	pair_lines(&smaller, true);
	if (still_fails(&smaller, keep))
		shrink(keep, smaller.count, SHRINK_ATTEMPTS, still_fails, &smaller);
	make_sides(&smaller, keep);
	struct question last = *question;
	struct judgement again;
	last.sides[0] = &smaller.sides[0];
	last.sides[1] = &smaller.sides[1];
	last.packet = smaller.packet;
	last.packets = 0;
	judge(&last, &again);
	printf("#   smallest: %s\n", again.why.data ? again.why.data : "");
	side_print(&smaller.sides[0], "before");
	side_print(&smaller.sides[1], "behind");
	if (judgement->has_packet) {
		packet_print(&judgement->packet, &line);
		printf("#   packet %s\n#   frame ", line.data ? line.data : "");
		for (unsigned i = 0; i < judgement->frame.size; i++)
			printf("%02x", judgement->frame.data[i]);
		printf("\n");
	}
	fflush(stdout);
	judgement_fini(&again);
	buffer_fini(&line);
	side_fini(&smaller.sides[0]);
	side_fini(&smaller.sides[1]);
	free(smaller.items);
	free(keep);
}
