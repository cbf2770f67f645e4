/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One rule: its words are given to the rule itself and to the matches and the target loaded so far (last one
 * first), and what nobody has the name of to whom it abbreviates a name of, as iptables finds them with
 * getopt_long() (iptables 1.8, xshared.c, do_parse() and command_default(); xtables_merge_options()).
 * What no modelled match or target knows goes to the opaque one named last, or is an error: no word is ever
 * passed over, as a rule read without one of its conditions would drop more than it says. */
#include "read/names.h"
#include "read/reader.h"
#include "read/rule_options.h"
#include "ruleset/protocol.h"

#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define EXPANSION_MAX 65536     /* rules made of one line */
#define EXPANDED_MAX (1u << 20) /* further rules made of all lines of a table */

void rule_reader_fini(struct rule_reader *reader)
{
	free(reader->sources.matches);
	free(reader->destinations.matches);
	free(reader->pending);
}

/* There is room: each item has a word of its own, and the rule's is one more. */
static size_t item_add(struct rule_reader *reader, struct item item)
{
	size_t index = reader->item_count++;
	item.first = item.last = index;
	for (size_t i = 1; i < index && !item.is_target; i++)
		if (!reader->items[i].is_target && reader->items[i].match.type == item.match.type) {
			item.first = i;
			reader->items[i].last = index;
			break;
		}
	reader->items[index] = item;
	return index;
}

/* Words [from, parser.next) belong to the item, and so does the "!" in front of them. */
static void own_words(struct rule_reader *reader, size_t item, size_t from)
{
	if (reader->bang)
		from = (size_t)(reader->bang - reader->parser.words);
	for (size_t i = from; i < reader->parser.next; i++)
		reader->owners[i] = item;
}

static int load_match(struct rule_reader *reader)
{
	struct rule_parser *parser = &reader->parser;
	size_t from = parser->next - 1;
	const struct word *word = parser_argument(parser);
	if (!word || parser_refuse_inversion(parser) < 0)
		return -EINVAL;
	struct text name = word->text;
	const struct match_type *type = match_type_find(name, parser->family);
	enum family other = parser->family == FAMILY_IPV4 ? FAMILY_IPV6 : FAMILY_IPV4;
	if (!type && match_name_known(name, parser->family) == NAME_UNKNOWN) {
		bool elsewhere = match_name_known(name, other) != NAME_UNKNOWN;
		struct diagnostic *error = parser_error(
		    parser, word, elsewhere ? "wrong-family" : "unknown-match",
		    elsewhere ? "match `%.*s' is not for this address family" : "there is no match `%.*s'",
		    (int)name.size, name.data);
		const char *nearest = error ? nearest_match(name, parser->family) : NULL;
		if (nearest)
			diagnostic_hint(error, "did you mean %s?", nearest);
		else
			diagnostic_hint(error, "iptables -m NAME -h shows whether a match is there");
		return -EINVAL;
	}
	size_t index = item_add(reader, (struct item){.match = {.type = type ? type : &match_opaque},
						      .name = name,
						      .named = &parser->words[from]});
	reader->sink_item = type ? 0 : index;
	own_words(reader, index, from);
	return 0;
}

/* What a name behind -j or -g stands for: a chain, a target, or neither yet. */
static int load_target(struct rule_reader *reader, bool is_goto)
{
	struct rule_parser *parser = &reader->parser;
	struct target *target = &parser->rule->target;
	size_t from = parser->next - 1;
	const struct word *word = parser_argument(parser);
	if (!word || parser_refuse_inversion(parser) < 0)
		return -EINVAL;
	reader->jump = *word;
	struct chain *chain = table_find_chain(reader->table, word->text);
	const struct target_type *type = is_goto ? NULL : target_type_find(word->text, parser->family);
	target->is_goto = is_goto;
	target->type = &target_jump;
	reader->sink_item = 0;
	if (chain) {
		if (chain->builtin) {
			diagnostic_hint(parser_error(parser, word, "jump-to-builtin",
						     "`%.*s' is a built-in chain", (int)word->text.size,
						     word->text.data),
					"rules can jump to user chains only");
			return -EINVAL;
		}
		target->chain = chain;
	} else if (type) {
		target->type = type;
	} else if (!is_goto && target_name_known(word->text, parser->family) != NAME_UNKNOWN) {
		target->type = &target_opaque;
	}
	reader->target = item_add(
	    reader, (struct item){.name = word->text, .is_target = true, .named = &parser->words[from]});
	if (target->type == &target_opaque)
		reader->sink_item = reader->target;
	own_words(reader, reader->target, from);
	return 0;
}

static int read_counters(struct rule_parser *parser)
{
	uint64_t values[2];
	for (int i = 0; i < 2; i++) {
		const struct word *word = parser_argument(parser);
		if (!word)
			return -EINVAL;
		struct text text = word->text;
		const char *comma = i == 0 && text.size ? memchr(text.data, ',', text.size) : NULL;
		struct text first = {text.data, comma ? (size_t)(comma - text.data) : text.size};
		struct text second = comma ? (struct text){comma + 1, text.size - first.size - 1} : first;
		if (number_parse(first, UINT64_MAX, &values[i]) < 0 ||
		    (comma && number_parse(second, UINT64_MAX, &values[1]) < 0)) {
			diagnostic_hint(parser_error(parser, word, "bad-counters", "not a counter"),
					"-c PACKETS BYTES");
			return -EINVAL;
		}
		if (comma)
			break;
	}
	if (parser_refuse_inversion(parser) < 0)
		return -EINVAL;
	parser->rule->packets = values[0];
	parser->rule->bytes = values[1];
	return 0;
}

static int read_fragment(struct rule_parser *parser)
{
	if (parser->family == FAMILY_IPV6) {
		diagnostic_hint(parser_error(parser, NULL, "wrong-family", "-f is for IPv4 rules only"),
				"IPv6 rules have -m frag");
		return -EINVAL;
	}
	parser->rule->fragment = parser->inverted ? FRAGMENT_NOT_LATER : FRAGMENT_LATER;
	return 0;
}

static int unknown_option(struct rule_parser *parser)
{
	struct text text = parser->option->text;
	struct diagnostic *error =
	    parser_error(parser, NULL, "unknown-option", "unknown option `%.*s'", (int)text.size, text.data);
	if (!error)
		return -EINVAL; /* one of too many: no hint is looked for */
	char longer[64] = "--";
	const char *nearest = NULL;
	if (text.size > 2 && text.size < sizeof(longer) - 2 && text.data[1] != '-') { /* -dport */
		memcpy(longer + 2, text.data + 1, text.size - 1);
		nearest = nearest_option(text_of(longer));
	} else if (text.size > 2) {
		nearest = nearest_option(text);
	}
	if (nearest && text_is(text, nearest))
		diagnostic_hint(error, "load the match that has %s with -m, or with -p, before it", nearest);
	else if (nearest)
		diagnostic_hint(error, "did you mean %s?", nearest);
	else
		diagnostic_hint(error, "no match or target of this rule has it");
	return -EINVAL;
}

/* Of its own options iptables takes the last word for the value of some (do_parse(), argv[optind - 1]), which
 * is all of --source=VALUE. */
static int refuse_attached(struct rule_parser *parser)
{
	struct text text = parser->option->text;
	diagnostic_hint(parser_error(parser, NULL, "unexpected-word",
				     "%.*s does not take a value behind =", (int)text.size, text.data),
			"write a blank in place of the =");
	return -EINVAL;
}

/* Options of which iptables takes the argument out of the same word; see refuse_attached(). */
static bool takes_attached(enum rule_option option)
{
	return option == OPTION_MATCH || option == OPTION_GOTO || option == OPTION_COUNTERS;
}

/* One of the rule's own options. */
static int read_own_option(struct rule_reader *reader, enum rule_option option)
{
	struct rule_parser *parser = &reader->parser;
	enum rule_option slot = option == OPTION_GOTO ? OPTION_TARGET : option;
	if (option == OPTION_COMMAND)
		return unknown_option(parser);
	if (parser->attached && !takes_attached(option))
		return refuse_attached(parser);
	if (slot != OPTION_MATCH && slot != OPTION_IPV4 && slot != OPTION_IPV6 && slot != OPTION_VERBOSE) {
		if (reader->seen >> slot & 1) {
			struct text text = parser->option->text;
			diagnostic_hint(parser_error(parser, NULL, "duplicate-option", "%.*s is given twice",
						     (int)text.size, text.data),
					"a rule has it once");
			return -EINVAL;
		}
		reader->seen |= 1u << slot;
	}
	if (option != OPTION_MATCH)
		reader->sink_item = 0;
	switch (option) {
	case OPTION_SOURCE:
		return header_addresses(reader, &reader->sources);
	case OPTION_DESTINATION:
		return header_addresses(reader, &reader->destinations);
	case OPTION_PROTOCOL:
		return header_protocol(parser);
	case OPTION_IN:
		return header_interface(parser, &parser->rule->in);
	case OPTION_OUT:
		return header_interface(parser, &parser->rule->out);
	case OPTION_FRAGMENT:
		return read_fragment(parser);
	case OPTION_COUNTERS:
		return read_counters(parser);
	case OPTION_TARGET:
	case OPTION_GOTO:
		return load_target(reader, option == OPTION_GOTO);
	case OPTION_MATCH:
		return load_match(reader);
	case OPTION_IPV4:
	case OPTION_IPV6:
		reader->other_family |= (option == OPTION_IPV4) != (parser->family == FAMILY_IPV4);
		return parser_refuse_inversion(parser);
	case OPTION_VERBOSE:
		return parser_refuse_inversion(parser);
	case OPTION_COMMAND:
	case OPTION_NONE:
		break;
	}
	return 0;
}

/* Has the item's type read the option on offer, or, in a search, tell its names. */
static int item_parse(struct rule_reader *reader, struct item *item)
{
	struct rule_parser *parser = &reader->parser;
	struct target *target = &parser->rule->target;
	if (item->is_target)
		return target->type->parse ? target->type->parse(parser, target) : 0;
	const struct match_type *type = item->match.type;
	return type->modelled && type->parse ? type->parse(parser, &item->match) : 0;
}

/* Offers the option to one item. 1 taken, 0 not, -errno. */
static int offer(struct rule_reader *reader, size_t index)
{
	struct rule_parser *parser = &reader->parser;
	size_t from = parser->next - 1;
	const struct word *attached = parser->attached;
	bool inverted = parser->inverted;
	int result = item_parse(reader, &reader->items[index]);
	if (result == 1) {
		own_words(reader, index, from);
		reader->sink_item = 0;
	} else if (result == 0) { /* as it was, for the next one */
		parser->next = from + 1;
		parser->inverted = inverted;
		parser->attached = attached;
	}
	return result;
}

/* Whose name it is: of items the one that was added last comes first. 1 taken, 0 not, -errno. */
static int offer_all(struct rule_reader *reader)
{
	int result = 0;
	for (size_t i = reader->item_count; i-- > 1 && result == 0;)
		if (reader->items[i].first == i)
			result = offer(reader, reader->items[i].last);
	return result;
}

static int take_own_option(struct rule_reader *reader, enum rule_option own)
{
	size_t from = reader->parser.next - 1;
	int result = read_own_option(reader, own);
	if (result == 0 && own != OPTION_MATCH && own != OPTION_TARGET && own != OPTION_GOTO)
		own_words(reader, 0, from);
	return result < 0 ? result : 1;
}

/* The one option that the name abbreviates. 1 taken, 0 none or several, -errno. */
static int offer_abbreviated(struct rule_reader *reader)
{
	struct rule_parser *parser = &reader->parser;
	struct option_search search = {.begin = parser->option->text};
	if (search.begin.size < 3)
		return 0;
	search.asked = reader->item_count; /* the rule itself */
	rule_options_note(&search, parser->family);
	parser->search = &search;
	for (size_t i = 1; i < reader->item_count; i++)
		if (reader->items[i].first == i) {
			search.asked = reader->items[i].last;
			item_parse(reader, &reader->items[search.asked]);
		}
	parser->search = NULL;
	if (!search.found || search.ambiguous)
		return 0;
	reader->option.text = text_of(search.found);
	return search.owner < reader->item_count
		   ? offer(reader, search.owner)
		   : take_own_option(reader, rule_option_find(parser->family, reader->option.text));
}

/* The match that -p makes available without -m, when nobody else takes an option. Its item, 0: none. */
static size_t add_implicit(struct rule_reader *reader)
{
	struct rule_parser *parser = &reader->parser;
	uint8_t protocol = parser->rule->protocol;
	const char *name = protocol == IPPROTO_ICMPV6 ? "icmp6"
			   : protocol == IPPROTO_MH   ? "mh"
						      : protocol_name(protocol);
	const struct match_type *type = name ? match_type_find(text_of(name), parser->family) : NULL;
	if (!type || reader->implicit)
		return 0;
	/* iptables loads it once, and not when it is there by -m (should_load_proto()). */
	for (size_t i = 1; i < reader->item_count; i++)
		if (!reader->items[i].is_target && reader->items[i].match.type == type)
			return 0;
	return item_add(reader, (struct item){.match = {.type = type},
					      .name = text_of(name),
					      .implicit = true,
					      .named = &parser->words[parser->next - 1]});
}

/* An opaque item may have the option of that name: it goes before what else the name abbreviates. */
static int offer_others(struct rule_reader *reader)
{
	int result = reader->sink_item ? 0 : offer_abbreviated(reader);
	size_t implicit = result == 0 ? add_implicit(reader) : 0;
	if (!implicit)
		return result;
	result = offer(reader, implicit);
	if (result == 0 && !reader->sink_item)
		result = offer_abbreviated(reader);
	if (result == 0)
		reader->item_count--;
	else
		reader->implicit = implicit;
	return result;
}

/* --option=VALUE, as getopt_long() takes it apart. */
static void split_option(struct rule_reader *reader, const struct word *word)
{
	struct text text = word->text;
	const char *equals = text.size > 2 && text.data[1] == '-' ? memchr(text.data, '=', text.size) : NULL;
	reader->option = *word;
	reader->parser.option = &reader->option;
	reader->parser.attached = NULL;
	if (!equals)
		return;
	reader->option.text.size = (size_t)(equals - text.data);
	reader->value = *word;
	reader->value.text = (struct text){equals + 1, text.size - reader->option.text.size - 1};
	reader->parser.attached = &reader->value;
}

static bool takes_no_argument(enum rule_option option)
{
	return option == OPTION_FRAGMENT || option == OPTION_VERBOSE || option == OPTION_IPV4 ||
	       option == OPTION_IPV6;
}

/* -fi eth0, -mlimit, -c1,2: letters in one word, and behind the last one its argument, if it has one. */
static int read_letters(struct rule_reader *reader, const struct word *word)
{
	struct rule_parser *parser = &reader->parser;
	for (size_t at = 1; at < word->text.size; at++) {
		enum rule_option own = rule_option_of_letter(word->text.data[at]);
		bool alone = takes_no_argument(own);
		reader->value = *word;
		reader->value.text = (struct text){word->text.data + at + 1, word->text.size - at - 1};
		parser->attached = !alone && reader->value.text.size ? &reader->value : NULL;
		reader->option = *word;
		if (own == OPTION_NONE || (parser->attached && !takes_attached(own)))
			return unknown_option(parser);
		reader->option.text = rule_option_name(own);
		int result = take_own_option(reader, own);
		if (result < 0 || !alone || reader->other_family)
			return result < 0 ? result : 0;
		parser->inverted = false; /* a "!" is for the first one */
		reader->bang = NULL;
	}
	return 0;
}

static int read_option(struct rule_reader *reader)
{
	struct rule_parser *parser = &reader->parser;
	size_t from = parser->next - 1;
	split_option(reader, &parser->words[from]);
	if (reader->option.text.size > 2 && reader->option.text.data[1] != '-' && !reader->sink_item &&
	    rule_option_of_letter(reader->option.text.data[1]) != OPTION_NONE)
		return read_letters(reader, &parser->words[from]);
	enum rule_option own = rule_option_find(parser->family, reader->option.text);
	int result = own != OPTION_NONE ? take_own_option(reader, own) : offer_all(reader);
	if (result == 0)
		result = offer_others(reader);
	if (result == 0 && !reader->sink_item)
		return unknown_option(parser);
	if (result == 0)
		own_words(reader, reader->sink_item, from);
	else if (result > 0 && parser->attached)
		return refuse_attached(parser);
	return result < 0 ? result : 0;
}

static int read_words(struct rule_reader *reader)
{
	struct rule_parser *parser = &reader->parser;
	while (parser->next < parser->count) {
		const struct word *word = &parser->words[parser->next++];
		/* A quoted word may be an argument of an option that nobody here knows; iptables itself knows
		 * no difference. */
		bool bare = word_is_bare(word) || !reader->sink_item;
		parser->option = word;
		if (bare && text_is(word->text, "!") && !parser->inverted) {
			parser->inverted = true;
			reader->bang = word;
			continue;
		}
		if (bare && word->text.size > 1 && word->text.data[0] == '-') {
			int result = read_option(reader);
			if (result < 0 || reader->other_family)
				return result; /* nothing behind it is looked at */
		} else if (reader->sink_item && !(bare && text_is(word->text, "!"))) {
			own_words(reader, reader->sink_item,
				  parser->next - 1); /* with a "!": --option ! value */
		} else {
			diagnostic_hint(parser_error(parser, word, "unexpected-word",
						     "`%.*s' belongs to no option", (int)word->text.size,
						     word->text.data),
					"is the option before it complete, or a quote missing?");
			return -EINVAL;
		}
		parser->inverted = false;
		reader->bang = NULL;
	}
	if (parser->inverted) {
		diagnostic_hint(
		    parser_error(parser, reader->bang, "bad-inversion", "nothing stands behind this `!'"),
		    "it inverts the option behind it");
		return -EINVAL;
	}
	return 0;
}

/* A word as xtables_save_string() writes it, but without quotes where the reader needs none. */
static void add_word(struct buffer *out, const struct word *word)
{
	bool quote = word->text.size == 0;
	for (size_t i = 0; i < word->text.size; i++)
		quote |= isspace((unsigned char)word->text.data[i]) || word->text.data[i] == '"';
	if (!word_is_bare(word)) /* quotes keep a value such as "-s" from being read as an option */
		quote |= word->text.size && (word->text.data[0] == '-' || text_is(word->text, "!"));
	if (!quote) {
		buffer_add(out, word->text.data, word->text.size);
		return;
	}
	buffer_puts(out, "\"");
	for (size_t i = 0; i < word->text.size; i++) {
		if (word->text.data[i] == '"' || word->text.data[i] == '\\')
			buffer_puts(out, "\\");
		buffer_add(out, word->text.data + i, 1);
	}
	buffer_puts(out, "\"");
}

/* The text of all words of an opaque item, apart by one blank. */
static int make_opaque(struct rule_reader *reader, size_t index, void **data)
{
	struct item *item = &reader->items[index];
	struct buffer text = {0};
	if (item->implicit)
		buffer_printf(&text, "-m %.*s", (int)item->name.size, item->name.data);
	for (size_t i = 0; i < reader->parser.count; i++) {
		if (reader->owners[i] != index)
			continue;
		if (text.size)
			buffer_puts(&text, " ");
		add_word(&text, &reader->parser.words[i]);
	}
	struct opaque_data *opaque = arena_alloc(reader->arena, sizeof(*opaque));
	char *copy = text.failed ? NULL : arena_copy(reader->arena, text.data, text.size);
	if (opaque && copy)
		*opaque = (struct opaque_data){.name = item->name, .text = {copy, text.size}};
	buffer_fini(&text);
	*data = opaque;
	return opaque && copy ? 0 : -ENOMEM;
}

/* From the first to the last word of the item. */
static struct span item_span(const struct rule_reader *reader, size_t index)
{
	const struct rule_parser *parser = &reader->parser;
	struct span span = reader->items[index].named->span;
	for (size_t i = 0; i < parser->count; i++)
		if (reader->owners[i] == index) {
			if (parser->words[i].span.begin < span.begin)
				span.begin = parser->words[i].span.begin;
			if (parser->words[i].span.end > span.end)
				span.end = parser->words[i].span.end;
		}
	return span;
}

static int finish_target(struct rule_reader *reader)
{
	struct rule_parser *parser = &reader->parser;
	struct target *target = &parser->rule->target;
	if (!reader->target) {
		target->type = &target_none;
		return 0;
	}
	target->span = item_span(reader, reader->target);
	parser->option = reader->items[reader->target].named;
	int result = target->type->finish ? target->type->finish(parser, target) : 0;
	if (result == 0 && target->type == &target_opaque)
		result = make_opaque(reader, reader->target, &target->data);
	if (result == 0 && target->type->tables && !(target->type->tables >> reader->table->id & 1)) {
		diagnostic_hint(parser_error(parser, &reader->jump, "wrong-table",
					     "%s cannot be used in table %s", target->type->name,
					     table_names[reader->table->id]),
				"the kernel refuses the rule");
		result = -EINVAL;
	}
	return result;
}

static int finish_matches(struct rule_reader *reader)
{
	struct rule_parser *parser = &reader->parser;
	struct rule *rule = parser->rule;
	size_t count = reader->item_count - 1 - (reader->target != 0);
	rule->matches = arena_array(reader->arena, count, sizeof(*rule->matches));
	if (!rule->matches)
		return -ENOMEM;
	for (size_t i = 1; i < reader->item_count; i++) {
		struct item *item = &reader->items[i];
		if (item->is_target)
			continue;
		struct match *match = &rule->matches[rule->match_count++];
		*match = item->match;
		match->span = item_span(reader, i);
		parser->option = item->named;
		parser->inverted = false;
		int result = match->type->finish ? match->type->finish(parser, match) : 0;
		if (result == 0 && match->type == &match_opaque)
			result = make_opaque(reader, i, &match->data);
		if (result == 0 && match->type->tables && !(match->type->tables >> reader->table->id & 1)) {
			diagnostic_hint(parser_error(parser, item->named, "wrong-table",
						     "-m %s cannot be used in table %s", match->type->name,
						     table_names[reader->table->id]),
					"the kernel refuses the rule");
			result = -EINVAL;
		}
		if (result < 0)
			return result;
	}
	return 0;
}

static int pending_add(struct rule_reader *reader, struct chain *chain)
{
	if (reader->pending_count == reader->pending_capacity) {
		size_t capacity = reader->pending_capacity ? reader->pending_capacity * 2 : 16;
		struct pending_jump *grown = reallocarray(reader->pending, capacity, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		reader->pending = grown;
		reader->pending_capacity = capacity;
	}
	reader->pending[reader->pending_count++] =
	    (struct pending_jump){chain, chain->rule_count - 1, reader->jump};
	return 0;
}

static int append_rule(struct rule_reader *reader, struct chain *chain)
{
	struct rule *rule = arena_push(reader->arena, (void **)&chain->rules, &chain->rule_count,
				       &chain->rule_capacity, sizeof(*rule));
	if (!rule || chain->rule_count > UINT32_MAX)
		return -ENOMEM;
	*rule = reader->rule;
	rule->chain = chain;
	rule->number = (uint32_t)chain->rule_count;
	if (rule->target.type == &target_jump && !rule->target.chain)
		return pending_add(reader, chain);
	return 0;
}

/* One rule for each pair of source and destination, as iptables makes them. */
static int append_rules(struct rule_reader *reader, struct chain *chain)
{
	static const struct address_match any;
	const struct address_list *sources = &reader->sources, *destinations = &reader->destinations;
	size_t source_count = sources->count ? sources->count : 1;
	size_t destination_count = destinations->count ? destinations->count : 1;
	size_t total;
	if (__builtin_mul_overflow(source_count, destination_count, &total) || total > EXPANSION_MAX ||
	    reader->expanded + total - 1 > EXPANDED_MAX) {
		diagnostic_hint(diagnostic_add(reader->parser.sink, SEVERITY_ERROR, "too-many-rules",
					       reader->rule.span,
					       "the lists of addresses stand for too many rules"),
				"use an ipset");
		return 0;
	}
	reader->expanded += total - 1;
	for (size_t i = 0; i < source_count; i++)
		for (size_t j = 0; j < destination_count; j++) {
			reader->rule.source = sources->count ? sources->matches[i] : any;
			reader->rule.destination = destinations->count ? destinations->matches[j] : any;
			int result = append_rule(reader, chain);
			if (result < 0)
				return result;
		}
	return 0;
}

static void rule_reader_start(struct rule_reader *reader, const struct word *words, size_t count,
			      struct span span)
{
	reader->rule = (struct rule){.span = span};
	reader->rule.target.type = &target_none;
	reader->parser.rule = &reader->rule;
	reader->parser.words = words;
	reader->parser.count = count;
	reader->parser.next = 0;
	reader->parser.option = NULL;
	reader->parser.inverted = false;
	reader->sources.count = reader->destinations.count = 0;
	reader->item_count = reader->target = reader->implicit = reader->sink_item = 0;
	reader->seen = 0;
	reader->other_family = false;
	reader->bang = NULL;
	item_add(reader, (struct item){0}); /* item 0: the rule itself */
}

/* A rule with -4 or -6 may have addresses of its family before that. Only where the word before cannot take
 * it for its argument. */
static bool for_other_family(const struct rule_parser *parser)
{
	bool ipv4 = parser->family == FAMILY_IPV4;

	for (size_t i = 0; i < parser->count; i++) {
		struct text text = parser->words[i].text;
		if (text.size != 2 && text.size != 6)
			continue;
		bool argument =
		    i && parser->words[i - 1].text.size && parser->words[i - 1].text.data[0] == '-';
		if (!argument && word_is_bare(&parser->words[i]) &&
		    (text_is(text, ipv4 ? "-6" : "-4") || text_is(text, ipv4 ? "--ipv6" : "--ipv4")))
			return true;
	}
	return false;
}

int rule_read(struct rule_reader *reader, struct chain *chain, const struct word *words, size_t count,
	      struct span span, const uint64_t counters[2])
{
	if (count > RULE_WORDS_MAX) {
		diagnostic_hint(diagnostic_add(reader->parser.sink, SEVERITY_ERROR, "too-many-words",
					       words[RULE_WORDS_MAX].span, "a rule has at most %d words",
					       RULE_WORDS_MAX),
				"iptables-restore takes no more either; is a line end missing?");
		return 0;
	}
	rule_reader_start(reader, words, count, span);
	reader->rule.chain = chain;
	reader->rule.packets = counters[0];
	reader->rule.bytes = counters[1];
	reader->other_family = for_other_family(&reader->parser);
	int result = reader->other_family ? 0 : read_words(reader);
	if (result == 0 && reader->other_family)
		return 0; /* iptables-restore passes over rules with -6, ip6tables-restore over those with -4
			   */
	if (result == 0)
		result = header_check(&reader->parser, chain);
	if (result == 0)
		result = finish_matches(reader);
	if (result == 0)
		result = finish_target(reader);
	if (result == 0)
		result = append_rules(reader, chain);
	return result == -ENOMEM ? result : 0;
}
