/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * add, del and test: SET ENTRY and options, as ipset's lib/args.c has them. */
#include "read/ipset.h"
#include "read/names.h"

#include <errno.h>

enum add_option {
	ADD_TIMEOUT,
	ADD_PACKETS,
	ADD_BYTES,
	ADD_COMMENT,
	ADD_SKBMARK,
	ADD_SKBPRIO,
	ADD_SKBQUEUE,
	ADD_NOMATCH,
	ADD_WILDCARD,
	ADD_BEFORE,
	ADD_AFTER,
	ADD_OPTION_COUNT,
};

static const char *const option_names[ADD_OPTION_COUNT] = {
    [ADD_TIMEOUT] = "timeout",   [ADD_PACKETS] = "packets", [ADD_BYTES] = "bytes",
    [ADD_COMMENT] = "comment",   [ADD_SKBMARK] = "skbmark", [ADD_SKBPRIO] = "skbprio",
    [ADD_SKBQUEUE] = "skbqueue", [ADD_NOMATCH] = "nomatch", [ADD_WILDCARD] = "wildcard",
    [ADD_BEFORE] = "before",     [ADD_AFTER] = "after",
};

struct add_words {
	const struct word *names[ADD_OPTION_COUNT], *values[ADD_OPTION_COUNT];
};

static int needs_create_option(struct ipset_reader *reader, const struct set *set, const struct word *word,
			       const char *create_option)
{
	struct diagnostic *error = ipset_error(
	    reader, word->span, "unknown-option", "%.*s cannot be used: set %.*s was created without %s",
	    (int)word->text.size, word->text.data, (int)set->name.size, set->name.data, create_option);
	diagnostic_label(error, set->span, "created here");
	diagnostic_hint(error, "create it with %s", create_option);
	return -EINVAL;
}

static int hex(struct text *text, uint64_t *value)
{
	size_t digits = 0;
	*value = 0;
	for (; text->size; text->data++, text->size--, digits++) {
		char c = text->data[0];
		unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
				 : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
				 : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
							: 16;
		if (digit == 16)
			break;
		if (digits == 8)
			return -ERANGE;
		*value = *value * 16 + digit;
	}
	return digits ? 0 : -EINVAL;
}

/* 0xMARK or 0xMARK/0xMASK. */
static int add_skbmark(struct ipset_reader *reader, const struct word *word, struct set_member *member)
{
	struct text text = word->text;
	uint64_t mark = 0, mask = UINT32_MAX;
	bool wrong = !text_starts(text, "0x");
	if (!wrong) {
		text = (struct text){text.data + 2, text.size - 2};
		wrong = hex(&text, &mark) < 0;
	}
	if (!wrong && text_starts(text, "/0x")) {
		text = (struct text){text.data + 3, text.size - 3};
		wrong = hex(&text, &mask) < 0;
	}
	if (wrong || text.size) {
		diagnostic_hint(ipset_error(reader, word->span, "bad-value", "`%.*s' is not a mark",
					    (int)word->text.size, word->text.data),
				"hexadecimal, 0x1 or 0x1/0xff");
		return -EINVAL;
	}
	member->skb_mark = (uint32_t)mark;
	member->skb_mask = (uint32_t)mask;
	return 0;
}

static int add_skbprio(struct ipset_reader *reader, const struct word *word, struct set_member *member)
{
	struct text text = word->text;
	uint64_t major, minor;
	bool wrong = hex(&text, &major) < 0 || major > UINT16_MAX || !text.size || text.data[0] != ':';
	if (!wrong) {
		text = (struct text){text.data + 1, text.size - 1};
		wrong = hex(&text, &minor) < 0 || minor > UINT16_MAX || text.size;
	}
	if (wrong) {
		diagnostic_hint(ipset_error(reader, word->span, "bad-value", "`%.*s' is not a priority",
					    (int)word->text.size, word->text.data),
				"MAJOR:MINOR, both hexadecimal, as tc has them: 1:10");
		return -EINVAL;
	}
	member->skb_priority = (uint32_t)(major << 16 | minor);
	return 0;
}

/* The text is checked here and copied when it is added. */
static int check_comment(struct ipset_reader *reader, const struct word *word)
{
	if (word->text.size <= SET_COMMENT_MAX && !memchr(word->text.data, '\0', word->text.size))
		return 0;
	diagnostic_hint(ipset_error(reader, word->span, "bad-comment", "the comment is too long"),
			"comments have up to %d bytes", SET_COMMENT_MAX);
	return -EINVAL;
}

static int option_find(struct ipset_reader *reader, enum ipset_command command, const struct set *set,
		       const struct word *word, enum add_option *option)
{
	unsigned allowed = command == IPSET_ADD ? (1u << ADD_NOMATCH) - 1 : 0;
	const char *names[ADD_OPTION_COUNT];
	size_t count = 0;
	struct text name = word->text;
	if (set_types[set->type].nomatch && command != IPSET_DEL)
		allowed |= 1u << ADD_NOMATCH;
	if (set->type == SET_HASH_NET_INTERFACE && command == IPSET_ADD)
		allowed |= 1u << ADD_WILDCARD;
	if (set->type == SET_LIST)
		allowed |= 1u << ADD_BEFORE | 1u << ADD_AFTER;
	if (text_starts(name, "--"))
		name = (struct text){name.data + 2, name.size - 2};
	for (enum add_option i = 0; i < ADD_OPTION_COUNT; i++)
		if (allowed >> i & 1) {
			if (text_is(name, option_names[i])) {
				*option = i;
				return 0;
			}
			names[count++] = option_names[i];
		}
	struct diagnostic *error = ipset_error(
	    reader, word->span, "unknown-option", "%s has no option `%.*s' for a set of type %.*s",
	    command == IPSET_ADD   ? "add"
	    : command == IPSET_DEL ? "del"
				   : "test",
	    (int)name.size, name.data, (int)set->type_name.size, set->type_name.data);
	const char *nearest = error ? nearest_name(name, names, count) : NULL;
	if (nearest)
		diagnostic_hint(error, "did you mean %s?", nearest);
	else
		diagnostic_hint(error, "ipset help %.*s lists them", (int)set->type_name.size,
				set->type_name.data);
	return -EINVAL;
}

static int option_words(struct ipset_reader *reader, enum ipset_command command, const struct set *set,
			const struct word *words, size_t count, struct add_words *given)
{
	for (size_t i = 0; i < count; i++) {
		enum add_option option;
		const struct word *name = &words[i];
		if (option_find(reader, command, set, name, &option) < 0)
			return -EINVAL;
		bool alone = option == ADD_NOMATCH || option == ADD_WILDCARD;
		if (!alone && ++i == count) {
			diagnostic_hint(ipset_error(reader, name->span, "missing-argument",
						    "%.*s needs an argument", (int)name->text.size,
						    name->text.data),
					"the line ends here");
			return -EINVAL;
		}
		if ((given->names[option] && !alone) || (option == ADD_AFTER && given->names[ADD_BEFORE]) ||
		    (option == ADD_BEFORE && given->names[ADD_AFTER])) {
			diagnostic_hint(ipset_error(reader, name->span, "duplicate-option",
						    "%.*s does not go with what stands before it",
						    (int)name->text.size, name->text.data),
					"say it once");
			return -EINVAL;
		}
		given->names[option] = name;
		given->values[option] = &words[i];
	}
	return 0;
}

static int check_created(struct ipset_reader *reader, const struct set *set, const struct add_words *given)
{
	static const char *const needs[ADD_OPTION_COUNT] = {
	    [ADD_TIMEOUT] = "timeout",  [ADD_PACKETS] = "counters", [ADD_BYTES] = "counters",
	    [ADD_COMMENT] = "comment",  [ADD_SKBMARK] = "skbinfo",  [ADD_SKBPRIO] = "skbinfo",
	    [ADD_SKBQUEUE] = "skbinfo",
	};
	const bool has[ADD_OPTION_COUNT] = {
	    [ADD_TIMEOUT] = set->has_timeout, [ADD_PACKETS] = set->counters, [ADD_BYTES] = set->counters,
	    [ADD_COMMENT] = set->comment,     [ADD_SKBMARK] = set->skbinfo,  [ADD_SKBPRIO] = set->skbinfo,
	    [ADD_SKBQUEUE] = set->skbinfo,
	};
	for (enum add_option i = 0; i < ADD_OPTION_COUNT; i++)
		if (given->names[i] && needs[i] && !has[i])
			return needs_create_option(reader, set, given->names[i], needs[i]);
	return 0;
}

static int read_values(struct ipset_reader *reader, const struct set *set, const struct add_words *given,
		       struct member_options *options)
{
	struct set_member *member = &options->member;
	const struct word *const *values = given->values;
	uint64_t timeout = set->timeout, queue = 0;
	if ((values[ADD_TIMEOUT] &&
	     ipset_number(reader, values[ADD_TIMEOUT], "timeout", 0, SET_TIMEOUT_MAX, &timeout)) ||
	    (values[ADD_PACKETS] &&
	     ipset_number(reader, values[ADD_PACKETS], "counter", 0, UINT64_MAX - 1, &member->packets)) ||
	    (values[ADD_BYTES] &&
	     ipset_number(reader, values[ADD_BYTES], "counter", 0, UINT64_MAX - 1, &member->bytes)) ||
	    (values[ADD_SKBQUEUE] &&
	     ipset_number(reader, values[ADD_SKBQUEUE], "queue", 0, UINT16_MAX, &queue)) ||
	    (values[ADD_SKBMARK] && add_skbmark(reader, values[ADD_SKBMARK], member)) ||
	    (values[ADD_SKBPRIO] && add_skbprio(reader, values[ADD_SKBPRIO], member)) ||
	    (values[ADD_COMMENT] && check_comment(reader, values[ADD_COMMENT])))
		return -EINVAL;
	member->timeout = (uint32_t)timeout;
	member->timed = timeout != 0;
	member->skb_queue = (uint16_t)queue;
	member->nomatch = values[ADD_NOMATCH];
	member->wildcard = values[ADD_WILDCARD];
	options->counters = values[ADD_PACKETS] || values[ADD_BYTES];
	options->nomatch = values[ADD_NOMATCH];
	if (values[ADD_COMMENT]) {
		struct text comment = values[ADD_COMMENT]->text;
		member->comment = arena_copy(reader->ruleset->arena, comment.data, comment.size);
		if (!member->comment)
			return -ENOMEM;
	}
	const struct word *reference = values[values[ADD_BEFORE] ? ADD_BEFORE : ADD_AFTER];
	options->place.before = values[ADD_BEFORE];
	options->place.after = values[ADD_AFTER];
	if (reference) {
		options->place.reference = ipset_find(reader, reference);
		if (!options->place.reference)
			return -EINVAL;
	}
	return 0;
}

static int read_options(struct ipset_reader *reader, enum ipset_command command, const struct set *set,
			const struct word *words, size_t count, struct member_options *options)
{
	struct add_words given = {0};
	int result = option_words(reader, command, set, words, count, &given);
	if (result == 0)
		result = check_created(reader, set, &given);
	return result < 0 ? result : read_values(reader, set, &given, options);
}

int ipset_add(struct ipset_reader *reader, enum ipset_command command, const struct word *words, size_t count,
	      bool exist)
{
	if (count < 2) {
		diagnostic_hint(
		    ipset_error(reader, words[-1].span, "missing-argument", "a set and a member must follow"),
		    "%.*s NAME MEMBER", (int)words[-1].text.size, words[-1].text.data);
		return -EINVAL;
	}
	struct builder *builder = ipset_find(reader, &words[0]);
	if (!builder)
		return -EINVAL;
	struct set *set = builder->set;
	struct member_options options = {
	    .member = {.begin = words[-1].span.begin, .timed = set->timeout, .timeout = set->timeout},
	    .exist = exist};
	struct entry entry;
	int result = count > 2 ? read_options(reader, command, set, words + 2, count - 2, &options) : 0;
	if (result == 0)
		result = ipset_entry(reader, set, &words[1], &entry);
	if (result < 0 || command == IPSET_TEST)
		return result;
	return command == IPSET_ADD ? builder_add(reader, builder, &entry, &options, &words[1])
				    : builder_remove(reader, builder, &entry, &options, &words[1], exist);
}
