/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whether two rulesets are the same filter. Rules are compared by their fields and by what their matches and
 * targets print, which is a normal form: an extension that prints two different things alike would be a fault
 * of its print(). */
#include "ruleset/equal.h"

#include "ruleset/extension_type.h"
#include "ruleset/rule_parser.h"

#include <string.h>

static const char *const family_names[FAMILY_COUNT] = {"IPv4", "IPv6"};

struct comparison {
	struct buffer a, b; /* scratch */
	struct buffer *difference;
};

static bool address_match_equal(const struct address_match *a, const struct address_match *b)
{
	return a->value == b->value && a->mask == b->mask && a->inverted == b->inverted;
}

static bool interface_match_equal(const struct interface_match *a, const struct interface_match *b)
{
	return a->wildcard == b->wildcard && a->inverted == b->inverted && strcmp(a->name, b->name) == 0;
}

static bool header_equal(const struct rule *a, const struct rule *b)
{
	return address_match_equal(&a->source, &b->source) &&
	       address_match_equal(&a->destination, &b->destination) &&
	       interface_match_equal(&a->in, &b->in) && interface_match_equal(&a->out, &b->out) &&
	       a->protocol == b->protocol && a->protocol_inverted == b->protocol_inverted &&
	       a->fragment == b->fragment;
}

static void buffer_clear(struct buffer *buffer)
{
	buffer->size = 0;
}

/* The next match from `at` on that is not a comment. */
static const struct match *next_match(const struct rule *rule, uint32_t *at)
{
	while (*at < rule->match_count) {
		const struct match *match = &rule->matches[(*at)++];
		if (!match->type->modelled || strcmp(match->type->name, "comment") != 0)
			return match;
	}
	return NULL;
}

static bool scratch_equal(const struct comparison *comparison)
{
	const struct buffer *a = &comparison->a, *b = &comparison->b;
	return !a->failed && !b->failed && a->size == b->size &&
	       (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}

static bool matches_equal(struct comparison *comparison, const struct rule *a, const struct rule *b)
{
	for (uint32_t at_a = 0, at_b = 0;;) {
		const struct match *match_a = next_match(a, &at_a), *match_b = next_match(b, &at_b);
		if (!match_a || !match_b)
			return match_a == match_b;
		if (match_a->type != match_b->type)
			return false;
		buffer_clear(&comparison->a);
		buffer_clear(&comparison->b);
		match_a->type->print(match_a, a, &comparison->a);
		match_b->type->print(match_b, b, &comparison->b);
		if (!scratch_equal(comparison))
			return false;
	}
}

static bool targets_equal(struct comparison *comparison, const struct rule *a, const struct rule *b)
{
	const struct target *target_a = &a->target, *target_b = &b->target;
	if (!target_a->chain != !target_b->chain)
		return false;
	if (target_a->chain)
		return target_a->is_goto == target_b->is_goto &&
		       text_equal(target_a->chain->name, target_b->chain->name);
	if (target_a->type->kind == TARGET_NOTRACK && target_b->type->kind == TARGET_NOTRACK)
		return true; /* iptables-save prints NOTRACK as CT --notrack */
	if (target_a->type != target_b->type)
		return false;
	buffer_clear(&comparison->a);
	buffer_clear(&comparison->b);
	if (!target_a->type->modelled) {
		const struct opaque_data *opaque_a = target_a->data, *opaque_b = target_b->data;
		return text_equal(opaque_a->text, opaque_b->text);
	}
	if (target_a->type->print) {
		target_a->type->print(target_a, a, &comparison->a);
		target_b->type->print(target_b, b, &comparison->b);
	}
	return scratch_equal(comparison);
}

static bool rules_equal(struct comparison *comparison, const struct rule *a, const struct rule *b)
{
	if (!header_equal(a, b))
		return false;
	/* The same text and the same header (one text may stand for several rules: -s a,b) is the same rule,
	 * unless one text names a chain and the other a target. */
	if (!a->target.chain == !b->target.chain && text_equal(rule_text(a), rule_text(b)))
		return true;
	return matches_equal(comparison, a, b) && targets_equal(comparison, a, b);
}

static void name_chain(const struct chain *chain, struct buffer *out)
{
	buffer_printf(out, "%.*s in %s (%s)", (int)chain->name.size, chain->name.data,
		      table_names[chain->table->id], family_names[chain->table->family]);
}

static void name_rule(const struct rule *rule, struct buffer *out)
{
	if (!rule) {
		buffer_puts(out, "missing");
		return;
	}
	buffer_puts(out, "`");
	rule_print(rule, true, out);
	buffer_puts(out, "`");
}

static bool chains_equal(struct comparison *comparison, const struct chain *a, const struct chain *b)
{
	struct buffer *difference = comparison->difference;
	const struct chain *named = a ? a : b;
	size_t count_a = a ? a->rule_count : 0, count_b = b ? b->rule_count : 0;
	size_t count = count_a > count_b ? count_a : count_b;
	for (size_t i = 0; i < count; i++) {
		const struct rule *rule_a = i < count_a ? &a->rules[i] : NULL;
		const struct rule *rule_b = i < count_b ? &b->rules[i] : NULL;
		if (rule_a && rule_b && rules_equal(comparison, rule_a, rule_b))
			continue;
		buffer_printf(difference, "rule %zu of ", i + 1);
		name_chain(named, difference);
		buffer_puts(difference, " is ");
		name_rule(rule_a, difference);
		buffer_puts(difference, " here and ");
		name_rule(rule_b, difference);
		buffer_puts(difference, " there");
		return false;
	}
	if (!named->builtin)
		return true;
	bool drop_a = a && a->policy == POLICY_DROP, drop_b = b && b->policy == POLICY_DROP;
	if (drop_a == drop_b)
		return true;
	buffer_puts(difference, "the policy of ");
	name_chain(named, difference);
	buffer_printf(difference, " is %s here and %s there", drop_a ? "DROP" : "ACCEPT",
		      drop_b ? "DROP" : "ACCEPT");
	return false;
}

static bool tables_equal(struct comparison *comparison, const struct table *a, const struct table *b)
{
	for (size_t i = 0; i < a->chain_count; i++) {
		const struct chain *chain = a->chains[i];
		if (!chains_equal(comparison, chain, table_find_chain(b, chain->name)))
			return false;
	}
	for (size_t i = 0; i < b->chain_count; i++) {
		const struct chain *chain = b->chains[i];
		if (!table_find_chain(a, chain->name) && !chains_equal(comparison, NULL, chain))
			return false;
	}
	return true;
}

bool ruleset_equal(const struct ruleset *a, const struct ruleset *b, struct buffer *difference)
{
	struct comparison comparison = {.difference = difference};
	bool equal = true;
	for (int family = 0; equal && family < FAMILY_COUNT; family++)
		for (int id = 0; equal && id < TABLE_COUNT; id++)
			equal = tables_equal(&comparison, &a->tables[family][id], &b->tables[family][id]);
	equal = equal && sets_equal(a, b, difference);
	buffer_fini(&comparison.a);
	buffer_fini(&comparison.b);
	return equal;
}
