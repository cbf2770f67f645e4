/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A rule of nftables as rules of iptables.
 *
 * Conditions that do not count are asked in any order; what counts (a limit) is asked behind those before it
 * and before those behind it. Where one line of iptables cannot say a rule, there are several, of which a
 * packet meets one at most; or what is behind them stands in a chain of its own:
 *
 *	-A INPUT CONDITIONS -j nft-1
 *	-A nft-1 WHAT IS NOT TO BE -j RETURN
 *	-A nft-1 WHAT COUNTS -j LOG
 *	-A nft-1 ...
 *
 * From there a packet comes back to the chain, and goes on with its next rule; so that returning, or going
 * elsewhere for good, has no words there unless the chain says it of every packet: then it is gone to (-g).
 */
#include "read/nft_reader.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define STATEMENTS_MAX 256 /* nft(8) writes about as many, at most */

static bool is(const char *text, const char *other)
{
	return text && strcmp(text, other) == 0;
}

struct json_object *listing_expand(struct nft_rule *rule, struct json_object *what,
				   struct json_object *elements)
{
	size_t count =
	    json_object_is_type(elements, json_type_array) ? json_object_array_length(elements) : 0;

	if (rule->no_expansion || (rule->expanded && rule->expanded != what) || !count ||
	    count > NFT_LINES_MAX)
		return NULL;
	rule->expanded = what;
	rule->expanded_count = count;
	return json_object_array_get_idx(elements, rule->pick);
}

/* --- Lines */

struct emission {
	struct nft_rule *rule;
	struct nft_reader *reader;
	bool counted; /* the rule's counters stand somewhere */
};

static const char *chars(const struct buffer *buffer)
{
	return buffer->data ? buffer->data : "";
}

static void put_comment(const struct nft_rule *rule, struct buffer *out)
{
	size_t size = rule->comment ? strlen(rule->comment) : 0;

	if (!size)
		return;
	buffer_puts(out, " -m comment --comment ");
	listing_quote(rule->comment, size < 255 ? size : 255, out);
}

static void put_line(struct emission *emission, struct nft_copy *to, const char *options,
		     const struct nft_target *target)
{
	struct arena *arena = emission->reader->arena;
	struct buffer text = {0};

	buffer_puts(&text, options);
	/* REJECT wants it in its own rule. */
	if (target && target->tcp && !strstr(chars(&text), " -p "))
		buffer_puts(&text, " -p 6");
	put_comment(emission->rule, &text);
	struct nft_line line = {
	    .options = arena_copy(arena, chars(&text), text.size),
	    .target = arena_copy(arena, target ? chars(&target->text) : "", target ? target->text.size : 0),
	    .jump = target ? target->jump : NULL,
	    .is_goto = target && target->is_goto,
	    .transport = emission->rule->transport};
	const char *cut =
	    emission->rule->not_for_late ? strstr(chars(&text), emission->rule->not_for_late) : NULL;
	if (cut) {
		size_t size = strlen(emission->rule->not_for_late), before = (size_t)(cut - text.data);
		line.late = arena_copy(arena, text.data, text.size);
		if (line.late)
			memmove(line.late + before, line.late + before + size, text.size - before - size + 1);
		emission->reader->failed |= !line.late;
	}
	bool last = !target || target == &emission->rule->targets[emission->rule->target_count - 1];
	if (last && !emission->counted) {
		line.packets = emission->rule->packets;
		line.bytes = emission->rule->bytes;
		emission->counted = true;
	}
	emission->reader->failed |= text.failed;
	listing_line_add(emission->reader, to, line);
	buffer_fini(&text);
}

static size_t combinations(const struct nft_axis *axes, size_t count)
{
	size_t product = 1;

	for (size_t i = 0; i < count; i++) {
		if (axes[i].count > NFT_LINES_MAX / product)
			return SIZE_MAX;
		product *= axes[i].count;
		if (!product)
			return 0;
	}
	return product;
}

/* A line for each combination of alternatives. */
static void put_lines(struct emission *emission, struct nft_copy *to, const char *fixed,
		      const struct nft_axis *axes, size_t axis_count, const struct nft_target *target)
{
	size_t total = combinations(axes, axis_count);
	struct buffer text = {0};

	for (size_t number = 0; number < total; number++) {
		size_t rest = number;
		text.size = 0;
		for (size_t i = 0; i < axis_count; i++) {
			buffer_puts(&text, axes[i].options[rest % axes[i].count]);
			rest /= axes[i].count;
		}
		buffer_puts(&text, fixed);
		put_line(emission, to, chars(&text), target);
	}
	emission->reader->failed |= text.failed;
	buffer_fini(&text);
}

static void jump_to(struct nft_target *target, struct nft_copy *copy, bool is_goto)
{
	*target = (struct nft_target){.jump = copy, .is_goto = is_goto};
}

/* --- One rule */

struct gathered {
	struct buffer fixed;
	struct nft_printed printed; /* of the first segment: its axes */
	size_t next;                /* the segment to go on with */
	bool never, stateful;
};

static int only_protocol(const struct nft_segment *segment)
{
	const struct nft_ranges *ranges = &segment->ranges[NFT_PROTOCOL];

	return segment->ranged[NFT_PROTOCOL] && ranges->count == 1 &&
		       ranges->ranges[0].low == ranges->ranges[0].high
		   ? (int)ranges->ranges[0].low
		   : -1;
}

/* The segment's options, and those of the ones behind it that fit into the same line. False: not sayable. */
static bool gather(struct emission *emission, size_t from, struct gathered *out)
{
	struct nft_rule *rule = emission->rule;
	struct nft_segment *segment = &rule->segments[from];
	int protocol = only_protocol(segment);

	*out = (struct gathered){.next = from + 1};
	if (!listing_print_segment(rule, segment, false, -1, &out->printed))
		return false;
	out->never = out->printed.never;
	buffer_puts(&out->fixed, chars(&out->printed.header));
	buffer_puts(&out->fixed, chars(&out->printed.matches));
	if (out->printed.axis_count)
		return combinations(out->printed.axes, out->printed.axis_count) != SIZE_MAX;
	while (!segment->excludes.count && !segment->last_not.size) {
		buffer_puts(&out->fixed, chars(&segment->last));
		out->stateful |= segment->last.size;
		segment->last.size = 0;
		if (out->next == rule->segment_count)
			break;
		struct nft_printed printed;
		struct nft_segment *next = &rule->segments[out->next];
		size_t excluded = next->excludes.count;
		bool fits = listing_print_segment(rule, next, true, protocol, &printed) && !printed.never &&
			    !printed.header.size && !printed.axis_count && next->excludes.count == excluded;
		next->excludes.count = excluded;
		if (fits)
			buffer_puts(&out->fixed, chars(&printed.matches));
		listing_printed_fini(&printed);
		if (!fits)
			break;
		segment = next;
		out->next++;
	}
	return true;
}

/* What is not sayable: all of the rule's conditions as one that is not known. */
static void gather_unknown(struct emission *emission, struct json_object *json, struct gathered *out)
{
	out->fixed.size = 0;
	out->printed.axis_count = 0;
	out->next = emission->rule->segment_count;
	out->never = false;
	out->stateful = true;
	buffer_puts(&out->fixed, " -m nft --expression ");
	listing_opaque(emission->reader, json, "", &out->fixed);
}

static struct nft_target *last_target(struct nft_rule *rule)
{
	return &rule->targets[rule->target_count - 1];
}

/* In a chain made for the rule that packets come back from, these have other meanings. */
static void settle_targets(struct emission *emission, struct json_object *json)
{
	struct nft_rule *rule = emission->rule;
	struct nft_target *target = last_target(rule);

	if (rule->copy->builtin && target->is_return) {
		target->text.size = 0;
		buffer_puts(&target->text, rule->copy->drops ? " -j DROP" : " -j ACCEPT");
		target->is_return = false;
		return;
	}
	bool foreign = target->is_goto && target->jump && !target->jump->closes;
	if (!target->is_return && !foreign)
		return;
	target->text.size = 0;
	buffer_puts(&target->text, " -j NFT --statement ");
	listing_opaque(emission->reader, json, "", &target->text);
	target->jump = NULL;
	target->is_goto = target->is_return = target->ends = false;
}

static void put_targets(struct emission *emission, struct nft_copy *to, const char *fixed,
			const struct nft_axis *axes, size_t axis_count)
{
	struct nft_rule *rule = emission->rule;

	for (size_t i = 0; i < rule->target_count; i++)
		put_lines(emission, to, fixed, axes, axis_count, &rule->targets[i]);
}

static void emit(struct emission *emission, struct nft_copy *to, size_t from, struct json_object *json);

/* The chain that the gathered lines lead to: what must not be, what counts, and the rest. */
static void emit_part(struct emission *emission, struct nft_copy *part, struct gathered *gathered,
		      size_t from, struct json_object *json)
{
	struct nft_rule *rule = emission->rule;
	struct nft_segment *segment = &rule->segments[gathered->next - 1];
	struct nft_target back = {0};
	const char *counts = "";

	(void)from;
	buffer_puts(&back.text, " -j RETURN");
	for (size_t i = 0; i < segment->excludes.count; i++)
		put_line(emission, part, segment->excludes.options[i], &back);
	if (segment->last.size)
		counts = chars(&segment->last);
	if (segment->last_not.size)
		put_line(emission, part, chars(&segment->last_not), &back);
	emission->reader->failed |= back.text.failed;
	buffer_fini(&back.text);
	if (*counts && (gathered->next < rule->segment_count || rule->target_count > 1)) {
		struct nft_copy *inner = listing_copy_part(emission->reader, part);
		struct nft_target target;
		if (!inner)
			return;
		jump_to(&target, inner, false);
		put_line(emission, part, counts, &target);
		part = inner;
		counts = "";
	}
	if (gathered->next < rule->segment_count)
		emit(emission, part, gathered->next, json);
	else
		put_targets(emission, part, counts, NULL, 0);
}

/* Lines that exclude each other, and targets that might make a packet of one line meet another: each goes to
 * the rest for good. */
static bool meets_twice(const struct nft_rule *rule, size_t lines)
{
	const struct nft_target *last = &rule->targets[rule->target_count - 1];

	return lines > 1 && ((rule->changed & rule->asked) ||
			     (last->jump && !last->is_goto && (rule->asked & NFT_CHANGEABLE)));
}

static void emit(struct emission *emission, struct nft_copy *to, size_t from, struct json_object *json)
{
	struct nft_rule *rule = emission->rule;
	struct gathered gathered;
	struct nft_target target;

	if (!gather(emission, from, &gathered))
		gather_unknown(emission, json, &gathered);
	size_t lines = combinations(gathered.printed.axes, gathered.printed.axis_count);
	const struct nft_segment *segment = &rule->segments[gathered.next - 1];
	bool counts = segment->last.size || segment->last_not.size || segment->excludes.count;
	bool more = gathered.next < rule->segment_count;
	bool again = rule->target_count > 1 &&
		     (gathered.stateful || rule->opaque_asked || (rule->changed & rule->asked));
	bool twice = meets_twice(rule, lines);

	if (gathered.never)
		goto out;
	if (!counts && !more && !again && !twice) {
		put_targets(emission, to, chars(&gathered.fixed), gathered.printed.axes,
			    gathered.printed.axis_count);
		goto out;
	}
	const struct nft_target *last = last_target(rule);
	bool for_good = !counts && !more && last->ends && !twice;
	struct nft_copy *part = listing_copy_part(emission->reader, to), *lead = to;
	if (!part)
		goto out;
	if (!for_good)
		settle_targets(emission, json);
	if (twice) {
		lead = listing_copy_part(emission->reader, to);
		if (!lead)
			goto out;
		jump_to(&target, lead, false);
		put_line(emission, to, "", &target);
	}
	jump_to(&target, part, for_good || twice);
	put_lines(emission, lead, chars(&gathered.fixed), gathered.printed.axes, gathered.printed.axis_count,
		  &target);
	emit_part(emission, part, &gathered, from, json);
out:
	emission->reader->failed |= gathered.fixed.failed;
	buffer_fini(&gathered.fixed);
	listing_printed_fini(&gathered.printed);
}

/* --- From the JSON */

static bool is_condition(const char *name, struct json_object *value)
{
	static const char *const names[] = {"match", "limit", "quota",     "ct count", "meter",
					    "vmap",  "last",  "connlimit", NULL};

	for (size_t i = 0; names[i]; i++)
		if (is(name, names[i]))
			return true;
	if (is(name, "set") && listing_get(value, "stmt"))
		return true;
	if (is(name, "reject") && is(listing_string(listing_get(value, "type")), "tcp reset"))
		return false; /* asked before all the rest */
	return (is(name, "dnat") || is(name, "snat")) && listing_get(listing_get(value, "addr"), "map");
}

static void rule_empty(struct nft_rule *rule)
{
	for (size_t i = 0; i < rule->segment_count; i++) {
		struct nft_segment *segment = &rule->segments[i];
		for (size_t k = 0; k < 4; k++)
			buffer_fini(&segment->slots[k]);
		buffer_fini(&segment->matches);
		buffer_fini(&segment->connection);
		buffer_fini(&segment->last);
		buffer_fini(&segment->last_not);
	}
	for (size_t i = 0; i < rule->target_count; i++)
		buffer_fini(&rule->targets[i].text);
	memset(rule->segments, 0, rule->segment_count * sizeof(*rule->segments));
	rule->segment_count = rule->target_count = 0;
	rule->transport = rule->never = rule->unknown_order = rule->opaque_asked = rule->opaque_end = false;
	rule->changed = rule->asked = 0;
	rule->not_for_late = NULL;
	rule->packets = rule->bytes = 0;
}

struct translation {
	struct nft_reader *reader;
	struct nft_rule *rule;
	struct json_object *json, *statements;
	size_t from, next;     /* of the statements: this part's first, and the one behind it */
	struct nft_copy *copy; /* where this part goes */
	struct nft_copy *rest; /* where the rest goes; NULL: nothing is left */
};

static void read_statements(struct translation *translation)
{
	struct nft_rule *rule = translation->rule;
	size_t count = json_object_array_length(translation->statements), i;

	listing_segment(rule);
	for (i = translation->from; i < count && !rule->reader->failed; i++) {
		struct json_object *statement = json_object_array_get_idx(translation->statements, i), *value;
		const char *name = listing_only_key(statement, &value);
		rule->guarded = i && listing_guards_synproxy(translation->statements, i - 1);
		if (listing_guards_synproxy(translation->statements, i))
			continue;
		if (rule->target_count && rule->targets[rule->target_count - 1].ends)
			break;
		/* What is asked behind what was done: in a chain of its own. */
		if (rule->target_count && is_condition(name, value)) {
			translation->next = i;
			return;
		}
		if (!name)
			value = statement;
		rule->at_last = i + 1 == count;
		listing_statement(rule, name, value);
	}
	translation->next = count;
}

/* What could not be kept in order, or was too much: anything may happen. */
static void give_up(struct nft_rule *rule, struct json_object *json)
{
	uint64_t packets = rule->packets, bytes = rule->bytes;
	bool transport = rule->transport;

	rule_empty(rule);
	rule->packets = packets;
	rule->bytes = bytes;
	rule->transport = transport;
	listing_segment(rule);
	struct nft_target *target = &rule->targets[rule->target_count++];
	*target = (struct nft_target){0};
	buffer_puts(&target->text, " -j NFT --statement ");
	listing_opaque(rule->reader, json, "", &target->text);
}

static bool counts_in_it(const struct nft_rule *rule)
{
	for (size_t i = 0; i < rule->segment_count; i++)
		if (rule->segments[i].last.size || rule->segments[i].last_not.size)
			return true;
	return rule->opaque_asked;
}

/* Where the rest of the rule goes: the same chain for all elements of what was expanded. */
static void add_rest(struct translation *translation)
{
	struct nft_rule *rule = translation->rule;

	if (translation->next == json_object_array_length(translation->statements))
		return;
	if (!translation->rest)
		translation->rest = listing_copy_part(translation->reader, translation->copy);
	if (!translation->rest)
		return;
	if (rule->target_count == NFT_TARGETS_MAX)
		rule->opaque_end = true;
	else
		jump_to(&rule->targets[rule->target_count++], translation->rest, false);
}

/* iptables takes no -i in the built-in chain POSTROUTING: it stands in a chain behind it. */
static struct nft_copy *entry(struct emission *emission, struct translation *translation)
{
	struct nft_rule *rule = emission->rule;
	struct nft_copy *copy = translation->copy, *part;
	struct nft_target target;

	if (!copy->builtin || copy->hooks != 1u << HOOK_POSTROUTING || !(rule->asked >> NFT_IN & 1))
		return copy;
	part = listing_copy_part(translation->reader, copy);
	if (!part)
		return copy;
	settle_targets(emission, translation->statements);
	jump_to(&target, part, false);
	put_line(emission, copy, "", &target);
	return part;
}

/* ip frag-off & 0x1fff == 0 */
static bool asks_for_whole(const struct nft_rule *rule)
{
	for (size_t i = 0; i < rule->segment_count; i++)
		if (rule->segments[i].fragment == FRAGMENT_NOT_LATER)
			return true;
	return false;
}

/* One element of what is expanded, or the only one. */
static void translate_pick(struct translation *translation, bool late)
{
	struct nft_rule *rule = translation->rule;
	struct emission emission = {rule, translation->reader, false};

	rule_empty(rule);
	rule->late = late;
	read_statements(translation);
	if (rule->expanded_count > 1 && counts_in_it(rule) && !rule->no_expansion) {
		/* What counts would count in each: then it cannot be expanded. */
		rule->no_expansion = true;
		rule->expanded = NULL;
		rule->expanded_count = 0;
		rule_empty(rule);
		read_statements(translation);
	}
	add_rest(translation);
	if (rule->unknown_order || rule->opaque_end)
		give_up(rule, translation->statements);
	if (rule->never)
		return;
	if (late && !rule->copy->late) {
		struct nft_segment *first = &rule->segments[0];
		struct buffer counts = first->last;
		if (rule->family == FAMILY_IPV6)
			listing_not_late(rule, first);
		else if (asks_for_whole(rule))
			return;
		else
			first->fragment = FRAGMENT_LATER;
		/* What is not known is asked of those alone. */
		first->last = first->matches;
		first->matches = (struct buffer){0};
		buffer_puts(&first->last, counts.data ? counts.data : "");
		rule->reader->failed |= counts.failed || first->last.failed;
		buffer_fini(&counts);
	}
	if (!rule->target_count)
		rule->targets[rule->target_count++] = (struct nft_target){0};
	emit(&emission, entry(&emission, translation), 0, translation->statements);
}

/* Each element of what is expanded: whether one of them looks behind IP's header. As later fragments meet it
 * other things may be expanded, or nothing. */
static bool translate_picks(struct translation *translation, bool late)
{
	struct nft_rule *rule = translation->rule;
	bool transport = false;

	rule->expanded = NULL;
	rule->expanded_count = rule->pick = 0;
	rule->no_expansion = false;
	do {
		translate_pick(translation, late);
		transport |= rule->transport && !rule->never;
	} while (++rule->pick < rule->expanded_count && !translation->reader->failed);
	return transport;
}

static void translate_part(struct translation *translation)
{
	struct nft_copy *copy = translation->copy;
	bool late = copy->late;

	translation->rule->copy = copy;
	if (!copy->late)
		late = translate_picks(translation, false) && !translation->reader->conntrack[copy->family] &&
		       !copy->no_late;
	if (late)
		translate_picks(translation, true);
}

void listing_rule_translate(struct nft_reader *reader, struct nft_copy *copy, struct json_object *json)
{
	struct translation translation = {
	    .reader = reader, .json = json, .statements = listing_get(json, "expr"), .copy = copy};

	if (!json_object_is_type(translation.statements, json_type_array) ||
	    json_object_array_length(translation.statements) > STATEMENTS_MAX) {
		listing_error(reader, "nft-json", NULL,
			      "table %s, chain %s: a rule without statements, or with too many",
			      copy->chain->table->name, copy->chain->name);
		return;
	}
	translation.rule = calloc(1, sizeof(*translation.rule));
	if (!translation.rule) {
		reader->failed = true;
		return;
	}
	translation.rule->reader = reader;
	translation.rule->table = copy->chain->table;
	translation.rule->family = copy->family;
	translation.rule->comment = listing_string(listing_get(json, "comment"));
	while (translation.copy && !reader->failed) {
		translation.rest = NULL;
		translate_part(&translation);
		translation.copy = translation.rest;
		translation.from = translation.next;
	}
	rule_empty(translation.rule);
	free(translation.rule);
}
