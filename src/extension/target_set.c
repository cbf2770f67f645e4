/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * SET: adds the packet's addresses and ports to sets, takes them out, or copies the mark that a set's member
 * has to the packet; goes on: set_target_v3() in net/netfilter/xt_set.c. That a set has changed is an effect
 * which whoever asks the set notices; the packet itself has changed when --map-set found a member. */
#include "extension/extension.h"
#include "extension/guided.h"
#include "extension/set_changes.h"
#include "extension/types.h"

#include <errno.h>

/* In the order in which iptables-save prints them. */
enum {
	SET_ADD,
	SET_EXIST,
	SET_TIMEOUT,
	SET_DELETE,
	SET_MAP,
	SET_MAP_MARK,
	SET_MAP_PRIORITY,
	SET_MAP_QUEUE,
	SET_OPTION_COUNT,
};

static const char *const options[SET_OPTION_COUNT] = {
    "--add-set", "--exist", "--timeout", "--del-set", "--map-set", "--map-mark", "--map-prio", "--map-queue",
};

struct set_target {
	unsigned seen;                                     /* 1 << SET_... */
	struct set_reference references[SET_OPTION_COUNT]; /* of SET_ADD, SET_DELETE and SET_MAP */
	uint32_t timeout;
	struct arena *arena; /* the ruleset's, for the sets' indexes */
};

static bool has(const struct set_target *set, unsigned option)
{
	return set->seen >> option & 1;
}

static int parse_timeout(struct rule_parser *parser, struct set_target *set)
{
	const struct word *word = parser_argument(parser);
	uint64_t timeout;

	if (!word)
		return -EINVAL;
	if (guided_number(word->text, UINT32_MAX - 1, &timeout))
		return guided_refuse(parser, word, "seconds, from 0 to 4294967294");
	set->timeout = (uint32_t)timeout;
	return 0;
}

/* Members of a list:set are added to the sets in it. */
static void note_change(struct ruleset *ruleset, struct set *set)
{
	bool list = text_is(set->type_name, "list:set");

	set->changing = true;
	for (size_t i = 0; list && i < ruleset->set_count; i++)
		ruleset->sets[i]->changing = true;
}

static int set_parse(struct rule_parser *parser, struct target *target)
{
	struct set_target *set = option_data(parser, &target->data, sizeof(*set));
	size_t option = 0;
	int error = 0;

	if (!set)
		return -ENOMEM;
	set->arena = parser->ruleset->arena;
	while (option < SET_OPTION_COUNT && !parser_option_is(parser, options[option]))
		option++;
	if (option == SET_OPTION_COUNT)
		return 0;
	parser->inverted = false; /* iptables does not look at a "!" before the option */
	switch (option) {
	case SET_ADD:
	case SET_DELETE:
	case SET_MAP:
		error = option_once(parser, &set->seen, 1u << option, 0);
		if (!error)
			error = set_reference_parse(parser, &set->references[option]);
		if (!error && option != SET_MAP)
			note_change(parser->ruleset, set->references[option].set);
		break;
	case SET_TIMEOUT: /* the last one counts */
		error = parse_timeout(parser, set);
		break;
	}
	if (!error) /* a "!" in front of an argument */
		error = parser_refuse_inversion(parser);
	set->seen |= 1u << option;
	return error ? error : 1;
}

static int missing(struct rule_parser *parser, const struct target *target, const char *option,
		   const char *what)
{
	diagnostic_hint(option_error(parser, target->span, "missing-option", "%s needs %s", option, what),
			"iptables refuses it without");
	return -EINVAL;
}

/* set_target_check_v3() of iptables, and set_target_v3_checkentry() of the kernel. */
static int set_finish(struct rule_parser *parser, struct target *target)
{
	const struct set_target *set = option_data(parser, &target->data, sizeof(*set));

	if (!set)
		return -ENOMEM;
	if (!has(set, SET_ADD) && !has(set, SET_DELETE) && !has(set, SET_MAP))
		return missing(parser, target, "SET", "--add-set, --del-set or --map-set");
	for (unsigned option = SET_EXIST; option <= SET_TIMEOUT; option++)
		if (has(set, option) && !has(set, SET_ADD))
			return missing(parser, target, options[option], "--add-set");
	for (unsigned option = SET_MAP_MARK; option <= SET_MAP_QUEUE; option++)
		if (has(set, option) && !has(set, SET_MAP))
			return missing(parser, target, options[option], "--map-set");
	if (!has(set, SET_MAP))
		return 0;
	if (!has(set, SET_MAP_MARK) && !has(set, SET_MAP_PRIORITY) && !has(set, SET_MAP_QUEUE))
		return missing(parser, target, "--map-set", "--map-mark, --map-prio or --map-queue");
	target->type =
	    has(set, SET_MAP_PRIORITY) || has(set, SET_MAP_QUEUE) ? &target_set_map_late : &target_set_map;
	return 0;
}

static void set_print(const struct target *target, const struct rule *rule, struct buffer *out)
{
	const struct set_target *set = target->data;
	(void)rule;

	for (unsigned option = 0; option < SET_OPTION_COUNT; option++) {
		if (!has(set, option))
			continue;
		buffer_printf(out, " %s", options[option]);
		if (set->references[option].set) {
			buffer_puts(out, " ");
			set_reference_print(&set->references[option], out);
		}
		if (option == SET_TIMEOUT)
			buffer_printf(out, " %u", set->timeout);
	}
}

/* Members with a mark are not kept in struct set: whichever it was, the packet's is not known any more. */
static void set_apply(const struct target *target, struct packet *packet, struct evaluation *evaluation)
{
	const struct set_target *set = target->data;

	for (unsigned option = SET_ADD; option <= SET_DELETE; option++) {
		const struct set_reference *reference = &set->references[option];
		enum set_change change = option == SET_DELETE  ? SET_CHANGE_DELETE
					 : has(set, SET_EXIST) ? SET_CHANGE_RENEW
							       : SET_CHANGE_ADD;
		if (reference->set)
			set_changes_note(reference, packet, evaluation, change,
					 has(set, SET_TIMEOUT) ? set->timeout : SET_TIMEOUT_DEFAULT,
					 match_set_content(reference, set->arena, packet, evaluation, false));
	}
	if (has(set, SET_MAP) && has(set, SET_MAP_MARK))
		packet->known &= ~(uint32_t)KNOWN_MARK;
}

/* The set is another one for what comes behind: that cannot be allowed away. */
#define SET_EFFECTS (EFFECT_STATE | EFFECT_UNKNOWN)

const struct target_type target_set = {
    .name = "SET",
    .modelled = true,
    .kind = TARGET_CHANGE,
    .effects = SET_EFFECTS,
    .parse = set_parse,
    .finish = set_finish,
    .print = set_print,
    .apply = set_apply,
    .rewrites = KNOWN_MARK,
};

/* What set_finish() makes of it with --map-set. */
const struct target_type target_set_map = {
    .name = "SET",
    .modelled = true,
    .kind = TARGET_CHANGE,
    .effects = SET_EFFECTS,
    .print = set_print,
    .tables = 1 << TABLE_MANGLE,
    .apply = set_apply,
    .rewrites = KNOWN_MARK,
};

/* And with --map-prio or --map-queue. */
const struct target_type target_set_map_late = {
    .name = "SET",
    .modelled = true,
    .kind = TARGET_CHANGE,
    .effects = SET_EFFECTS,
    .print = set_print,
    .tables = 1 << TABLE_MANGLE,
    .hooks = 1 << HOOK_FORWARD | 1 << HOOK_OUTPUT | 1 << HOOK_POSTROUTING,
    .apply = set_apply,
    .rewrites = KNOWN_MARK,
};

bool target_set_uses(const struct target *target, struct set_uses *uses)
{
	const struct set_target *set = target->data;

	if (target->type != &target_set && target->type != &target_set_map &&
	    target->type != &target_set_map_late)
		return false;
	*uses = (struct set_uses){
	    .added = has(set, SET_ADD) ? set->references[SET_ADD].set : NULL,
	    .deleted = has(set, SET_DELETE) ? set->references[SET_DELETE].set : NULL,
	    .looked_up = has(set, SET_MAP) ? set->references[SET_MAP].set : NULL,
	    .has_timeout = has(set, SET_TIMEOUT),
	    .timeout = set->timeout,
	};
	return true;
}
