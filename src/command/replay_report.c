/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What weir replay says in the end, as text or JSON. */
#include "command/command.h"
#include "command/reason.h"
#include "command/replay.h"

#include <json-c/json.h>
#include <stdio.h>

static const char *const total_names[TOTAL_COUNT] = {"accepted", "dropped", "rejected", "undecided",
						     "without rules"};
static const char *const total_keys[TOTAL_COUNT] = {"accepted", "dropped", "rejected", "undecided",
						    "without_rules"};

typedef void (*rule_visit)(void *context, const struct replay *replay, const struct chain *chain,
			   const struct rule *rule);

/* Every rule of the tables that packets walk, each chain's policy behind its rules (rule NULL). */
static void visit_rules(const struct replay *replay, rule_visit visit, void *context)
{
	for (unsigned family = 0; family < FAMILY_COUNT; family++) {
		for (unsigned id = 0; id < TABLE_COUNT; id++) {
			const struct table *table = &replay->ruleset->tables[family][id];
			/* Without connections nobody asks the rules of nat. */
			bool walked = id != TABLE_NAT || replay->follow != FOLLOW_NO;
			for (size_t i = 0; walked && i < table->chain_count; i++) {
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
	    rule ? &replay_rule(replay, rule)->count : &replay_chain(replay, chain)->policy;
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
	const struct rule_count *count = replay_rule(replay, rule);
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

/* --- balancing and copies
 * -------------------------------------------------------------------------------------------- */

/* A rule of nat that gives connections to a destination: what it counts are connections. */
static bool balances(const struct replay *replay, const struct rule *rule)
{
	struct nat_range range;
	if (replay->follow == FOLLOW_NO || rule->chain->table->id != TABLE_NAT || !rule->target.type->nat)
		return false;
	rule->target.type->nat(&rule->target, &range);
	return !range.source;
}

static void print_balance(void *context, const struct replay *replay, const struct chain *chain,
			  const struct rule *rule)
{
	bool *first = context;
	(void)chain;
	if (!rule || !balances(replay, rule))
		return;
	const struct count *count = &replay_rule(replay, rule)->count;
	if (!count->packets && !count->perhaps)
		return;
	if (*first)
		puts("\n connections  given to");
	*first = false;
	struct buffer text = {0};
	clean_print(rule_text(rule), &text);
	printf("%12llu  ", (unsigned long long)count->packets);
	if (count->perhaps)
		printf("+%llu perhaps  ", (unsigned long long)count->perhaps);
	puts(text.data ? text.data : "");
	buffer_fini(&text);
}

static void print_tee(void *context, const struct replay *replay, const struct chain *chain,
		      const struct rule *rule)
{
	(void)context;
	(void)chain;
	if (!rule)
		return;
	const struct tee_count *tee = &replay_rule(replay, rule)->tee;
	struct buffer name = {0};
	rule_name_print(rule, &name);
	const char *text = name.data ? name.data : "";
	if (tee->copies)
		printf("%s: copies: %llu\n", text, (unsigned long long)tee->copies);
	if (tee->not_written)
		printf("%s: copies that are not known whole, and not written: %llu\n", text,
		       (unsigned long long)tee->not_written);
	if (tee->again || tee->perhaps) {
		printf("warning: loop: a gateway with these rules would copy ");
		if (tee->again)
			printf("%llu of them again", (unsigned long long)tee->again);
		if (tee->perhaps)
			printf("%sperhaps %llu of them again", tee->again ? ", " : "",
			       (unsigned long long)tee->perhaps);
		puts("");
	}
	buffer_fini(&name);
}

static void print_notes(const struct replay *replay)
{
	if (replay->follow != FOLLOW_NO && replay->frames && !replay->sent.packets)
		puts("warning: the capture has no packet that this host sent: connections that are answered "
		     "are not seen to be (--local, --mac)");
}

void replay_print(const struct replay *replay)
{
	struct source_cursor cursor = {0};
	bool first = true, unbalanced = true;
	printf("%s: %llu packets\n", replay->capture_path, (unsigned long long)replay->frames);
	for (unsigned total = 0; total < TOTAL_COUNT; total++) {
		const struct count *count = &replay->totals[total];
		if (count->packets || total <= TOTAL_DROPPED)
			printf("%12llu %14llu  %s\n", (unsigned long long)count->packets,
			       (unsigned long long)count->bytes, total_names[total]);
	}
	if (replay->sent.packets)
		printf("%12llu %14llu  of these, left this host\n", (unsigned long long)replay->sent.packets,
		       (unsigned long long)replay->sent.bytes);
	if (replay->other)
		printf("%12llu %14s  not IP, or not for this host\n", (unsigned long long)replay->other, "");
	if (replay->malformed)
		printf("%12llu %14s  malformed: dropped before any rule\n",
		       (unsigned long long)replay->malformed, "");
	puts("\n     packets          bytes  rule");
	visit_rules(replay, print_rule, &cursor);
	visit_rules(replay, print_balance, &unbalanced);
	visit_rules(replay, print_tee, NULL);
	visit_rules(replay, print_reasons, &first);
	bool stated = replay->state_given || replay->follow != FOLLOW_NO;
	if (!first && !(replay->interface && stated))
		printf("a capture does not show everything: say %s\n",
		       replay->interface ? "--state STATE, or --conntrack"
		       : stated          ? "--interface NAME"
					 : "--interface NAME, --state STATE or --conntrack");
	print_notes(replay);
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
	    rule ? &replay_rule(replay, rule)->count : &replay_chain(replay, chain)->policy;
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
	if (rule && balances(replay, rule))
		json_object_object_add(object, "connections", json_number(count->packets));
	const struct tee_count *tee = rule ? &replay_rule(replay, rule)->tee : NULL;
	if (tee && (tee->copies || tee->not_written)) {
		json_object_object_add(object, "copies", json_number(tee->copies));
		json_object_object_add(object, "copies_not_written", json_number(tee->not_written));
		json_object_object_add(object, "copies_again", json_number(tee->again));
		json_object_object_add(object, "copies_perhaps_again", json_number(tee->perhaps));
	}
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

int replay_print_json(const struct replay *replay)
{
	struct report report = {.rules = json_object_new_array(), .reasons = json_object_new_array()};
	struct json_object *object = json_object_new_object(), *verdicts = json_object_new_object();
	json_object_object_add(object, "capture", json_object_new_string(replay->capture_path));
	json_object_object_add(object, "path",
			       json_object_new_string(replay->local_count          ? "by address"
						      : replay->path == PATH_INPUT ? "input"
										   : "forward"));
	json_object_object_add(object, "packets", json_number(replay->frames));
	for (unsigned total = 0; total < TOTAL_COUNT; total++) {
		struct json_object *count = json_object_new_object();
		json_object_object_add(count, "packets", json_number(replay->totals[total].packets));
		json_object_object_add(count, "bytes", json_number(replay->totals[total].bytes));
		json_object_object_add(verdicts, total_keys[total], count);
	}
	json_object_object_add(object, "verdicts", verdicts);
	if (replay->sent.packets)
		json_object_object_add(object, "left", json_number(replay->sent.packets));
	json_object_object_add(object, "other", json_number(replay->other));
	json_object_object_add(object, "malformed", json_number(replay->malformed));
	visit_rules(replay, json_rule, &report);
	visit_rules(replay, json_reasons, &report);
	json_object_object_add(object, "rules", report.rules);
	json_object_object_add(object, "undecided", report.reasons);
	return command_print_json(object);
}
