/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A policy from its first statement to its last: which statement it is, includes, variables, and what is
 * short enough to stand here. After a fault reading goes on with the next statement. */
#include "read/policy/parse.h"
#include "read/names.h"
#include "read/words.h"

#include <errno.h>

const char *const policy_kind_names[STATEMENT_KINDS] = {
    [STATEMENT_FAILSAFE] = "failsafe", [STATEMENT_BLOCK] = "block",   [STATEMENT_STATELESS] = "stateless",
    [STATEMENT_ALLOW] = "allow",       [STATEMENT_DENY] = "deny",     [STATEMENT_REJECT] = "reject",
    [STATEMENT_LIMIT] = "limit",       [STATEMENT_MIRROR] = "mirror", [STATEMENT_BALANCE] = "balance",
    [STATEMENT_RULES] = "rules",
};

static const char *const settings[] = {"interface", "set", "define", "include", "default", "conntrack"};

static int parse_source(struct policy_reader *reader, const struct source *source, uint16_t number);

/* --- Variables and files ------------------------------------------------------------------------- */

static int already(struct policy_reader *reader, struct span first, const char *what, struct text name)
{
	struct diagnostic *said =
	    diagnostic_add(reader->sink, SEVERITY_ERROR, "defined-twice", reader->last,
			   "there is %s called %.*s already", what, (int)name.size, name.data);

	diagnostic_label(said, first, "here");
	return -EINVAL;
}

/* The tokens up to the end of the line that is not within braces. */
static int variable_tokens(struct policy_reader *reader, struct policy_variable *variable)
{
	for (;;) {
		const struct policy_token *token = policy_peek(reader);
		if (token->kind == TOKEN_BAD)
			return -EINVAL;
		if (token->kind == TOKEN_END || (token->kind == TOKEN_LINE && reader->braces == 0))
			break;
		if (token->kind == TOKEN_CLOSE && reader->braces == 0)
			return policy_error(reader, token, "stray-brace", NULL,
					    "nothing is open that } closes");
		if (variable->count == POLICY_VARIABLE_TOKENS_MAX)
			return policy_error(reader, token, "variable-too-long", NULL,
					    "a variable has at most %d words", POLICY_VARIABLE_TOKENS_MAX);
		struct policy_token *slot = arena_push(reader->arena, (void **)&variable->tokens,
						       &variable->count, &variable->capacity, sizeof(*slot));
		if (!slot)
			return -ENOMEM;
		*slot = *token;
		if (slot->origin.source)
			slot->span = slot->origin;
		policy_take(reader);
	}
	if (reader->braces)
		return policy_expected(reader, "}", NULL, 0);
	return variable->count ? 0 : policy_expected(reader, "what it stands for", NULL, 0);
}

static int parse_define(struct policy_reader *reader)
{
	struct text name;
	int result = parse_name(reader, "the variable's name, without $", &name);

	if (result < 0)
		return result;
	const struct policy_variable *first = name_index_find(reader->variables, name);
	if (first)
		return already(reader, first->span, "a variable", name);
	if (!policy_take_kind(reader, TOKEN_EQUALS))
		return policy_expected(reader, "=", NULL, 0);
	struct policy_variable *variable = arena_alloc(reader->arena, sizeof(*variable));
	if (!variable)
		return -ENOMEM;
	result = variable_tokens(reader, variable);
	if (result < 0)
		return result;
	variable->name = name;
	variable->span = span_join(reader->first, reader->last);
	return name_index_add(reader->arena, &reader->variables, name, variable);
}

static int parse_include(struct policy_reader *reader)
{
	struct policy_token token = *policy_peek(reader);
	const struct source *source;
	struct text name;
	uint16_t number;
	int result = parse_string(reader, "the file's name in quotes", &name);

	if (result < 0)
		return result;
	if (!policy_next_is(reader, TOKEN_LINE) && !policy_next_is(reader, TOKEN_END))
		return policy_expected(reader, "the end of the line", NULL, 0);
	if (reader->depth == POLICY_INCLUDE_DEPTH)
		return policy_error(reader, &token, "include-depth", NULL,
				    "more than %d files include each other", POLICY_INCLUDE_DEPTH);
	result = policy_open(reader, &token, name, &source, &number);
	if (result < 0)
		return result;
	for (size_t i = 0; i < reader->depth; i++)
		if (strcmp(reader->files[i]->name, source->name) == 0)
			return policy_error(reader, &token, "include-loop", NULL,
					    "this file is being read already: it would include itself");
	return parse_source(reader, source, number);
}

/* --- Short statements ---------------------------------------------------------------------------- */

static int parse_device(struct policy_reader *reader, struct policy_interface *group)
{
	const struct policy_token *token = policy_peek(reader);

	if (token->kind != TOKEN_WORD)
		return policy_expected(reader, "the name of a device", NULL, 0);
	struct text name = token->text;
	bool wildcard = name.data[name.size - 1] == '*';
	name.size -= wildcard;
	bool good = name.size < INTERFACE_NAME_MAX && (name.size || wildcard) && !text_is(name, ".") &&
		    !text_is(name, "..");
	/* dev_valid_name() of the kernel; + ends a wildcard of iptables */
	for (size_t i = 0; i < name.size; i++)
		good &= !strchr("/:*+", name.data[i]);
	if (!good)
		return policy_error(reader, token, "bad-interface", NULL,
				    "%.*s cannot be a device's name (up to 15 characters; * may end it)",
				    (int)token->text.size, token->text.data);
	if (group->device_count == POLICY_DEVICES_MAX)
		return policy_error(reader, token, "too-many-interfaces", NULL,
				    "more than %d devices have one name", POLICY_DEVICES_MAX);
	struct interface_match *device =
	    arena_push(reader->arena, (void **)&group->devices, &group->device_count, &group->device_capacity,
		       sizeof(*device));
	if (!device)
		return -ENOMEM;
	memcpy(device->name, name.data, name.size);
	device->wildcard = wildcard;
	policy_take(reader);
	return 0;
}

static int parse_devices(struct policy_reader *reader, struct policy_interface *group)
{
	static const char *const off[] = {"off"};
	size_t which;

	if (!policy_take_kind(reader, TOKEN_OPEN))
		return policy_expected(reader, "{ and the group's devices", NULL, 0);
	int result;
	while ((result = policy_item(reader)) > 0) {
		if (policy_take_word(reader, "xdp")) {
			result = parse_word(reader, off, 1, "off", &which);
			group->xdp_off = true;
		} else {
			result = parse_device(reader, group);
		}
		if (result < 0)
			return result;
	}
	if (result < 0 || group->device_count)
		return result;
	diagnostic_add(reader->sink, SEVERITY_ERROR, "no-interfaces", reader->last,
		       "there is no device in it");
	return -EINVAL;
}

static int parse_interface(struct policy_reader *reader)
{
	struct policy_interface *group = arena_alloc(reader->arena, sizeof(*group));
	struct policy_tree *tree = reader->tree;

	if (!group)
		return -ENOMEM;
	int result = parse_name(reader, "a name for the interfaces", &group->name);
	if (result < 0)
		return result;
	const struct policy_interface *first = name_index_find(reader->interfaces, group->name);
	if (first)
		return already(reader, first->span, "an interface", group->name);
	result = parse_devices(reader, group);
	if (result < 0)
		return result;
	group->span = span_join(reader->first, reader->last);
	struct policy_interface **slot =
	    arena_push(reader->arena, (void **)&tree->interfaces, &tree->interface_count,
		       &tree->interface_capacity, sizeof(struct policy_interface *));
	if (!slot)
		return -ENOMEM;
	*slot = group;
	return name_index_add(reader->arena, &reader->interfaces, group->name, group);
}

static const char *const direction_names[] = {"in", "forward", "out"};

/* in, forward or out, when one is next. */
static bool take_direction(struct policy_reader *reader, enum policy_direction *direction)
{
	for (size_t i = 0; i < COUNT_OF(direction_names); i++)
		if (policy_take_word(reader, direction_names[i])) {
			*direction = (enum policy_direction)i;
			return true;
		}
	return false;
}

static int parse_without(struct policy_reader *reader, unsigned *implied)
{
	static const char *const names[] = {"loopback", "established", "neighbours", "icmp-errors"};
	size_t which;

	do {
		int result = parse_word(reader, names, COUNT_OF(names),
					"loopback, established, neighbours or icmp-errors", &which);
		if (result < 0)
			return result;
		*implied &= ~(1u << which);
	} while (policy_take_kind(reader, TOKEN_COMMA));
	return 0;
}

static int default_twice(struct policy_reader *reader, struct span first)
{
	struct diagnostic *said = diagnostic_add(reader->sink, SEVERITY_ERROR, "said-twice", reader->last,
						 "there is a default for this already");

	diagnostic_label(said, first, "here");
	return -EINVAL;
}

static int parse_default(struct policy_reader *reader)
{
	static const char *const words[] = {"drop", "accept", "reject", "in", "forward", "out"};
	struct policy_default fresh = {.implied = IMPLIED_ALL};
	enum policy_direction direction = DIRECTION_IN;
	bool one = take_direction(reader, &direction);
	size_t which;
	int result = parse_word(reader, words, one ? 3 : COUNT_OF(words), "drop, accept or reject", &which);

	if (result < 0)
		return result;
	fresh.verdict = (enum policy_verdict)which;
	if (policy_take_word(reader, "without"))
		result = parse_without(reader, &fresh.implied);
	if (result < 0)
		return result;
	fresh.span = span_join(reader->first, reader->last);
	for (int i = 0; i < DIRECTION_COUNT; i++) {
		struct policy_default *place = &reader->tree->defaults[i];
		if (one ? i != (int)direction : i == DIRECTION_OUT)
			continue;
		/* what is said of one direction stands, before or after what is said of both */
		bool narrow = reader->default_narrow[i];
		if (place->span.source && narrow == one)
			return default_twice(reader, place->span);
		if (!narrow)
			*place = fresh;
		reader->default_narrow[i] |= one;
	}
	return 0;
}

static int parse_rules(struct policy_reader *reader, struct policy_statement *statement)
{
	struct policy_token token = *policy_peek(reader);
	struct text name;
	uint16_t number;
	int result = parse_string(reader, "the name of a file of iptables-save text in quotes", &name);

	return result < 0 ? result : policy_open(reader, &token, name, &statement->rules, &number);
}

/* --- Statements about packets -------------------------------------------------------------------- */

static const char *const clause_words[] = {"on",  "from", "to",    "port", "source", "both",    "tcp",
					   "udp", "icmp", "icmp6", "ping", "sctp",   "protocol"};

static int parse_both(struct policy_reader *reader, struct policy_statement *statement)
{
	static const char *const directions[] = {"directions"};
	size_t which;

	statement->both_directions = true;
	return parse_word(reader, directions, 1, "directions", &which);
}

/* A lone "block" would be all packets: that has to be said. */
static int says_something(struct policy_reader *reader, const struct policy_statement *statement)
{
	const struct policy_selector *selector = &statement->selector;
	struct diagnostic *said;

	if (selector->protocol_count || selector->on.source || selector->from.span.source ||
	    selector->to.span.source || selector->ports.span.source || selector->source_ports.span.source)
		return 0;
	const char *name = policy_kind_names[statement->kind];
	policy_error(reader, policy_peek(reader), "says-nothing", &said, "%s of what?", name);
	diagnostic_hint(said, "say from any when all packets are meant");
	return -EINVAL;
}

/* failsafe, block, stateless, allow, deny, reject */
static int parse_plain(struct policy_reader *reader, struct policy_statement *statement)
{
	bool block = statement->kind == STATEMENT_BLOCK, taken = true;
	bool directed = block || statement->kind == STATEMENT_ALLOW || statement->kind == STATEMENT_DENY ||
			statement->kind == STATEMENT_REJECT;

	if (directed)
		take_direction(reader, &statement->direction);
	int result = parse_protocols(reader, &statement->selector);
	while (result == 0 && taken) {
		if (block && !statement->both_directions && policy_take_word(reader, "both"))
			result = parse_both(reader, statement);
		else
			result = parse_clause(reader, &statement->selector, &taken);
	}
	if (result < 0)
		return result;
	if (policy_next_is(reader, TOKEN_LINE) || policy_next_is(reader, TOKEN_END))
		return says_something(reader, statement);
	return policy_expected(reader,
			       block ? "on, from, to, port, both directions or the end of the line"
				     : "on, from, to, port or the end of the line",
			       clause_words, COUNT_OF(clause_words));
}

static int parse_packets(struct policy_reader *reader, enum policy_kind kind)
{
	struct policy_tree *tree = reader->tree;
	struct policy_statement fresh = {.kind = kind};
	struct diagnostic *said = NULL;
	int result;

	reader->keep_words = true;
	buffer_puts(&reader->words, policy_kind_names[kind]);
	buffer_puts(&reader->words, " ");
	if (kind == STATEMENT_LIMIT)
		result = parse_limit(reader, &fresh);
	else if (kind == STATEMENT_MIRROR)
		result = parse_mirror(reader, &fresh);
	else if (kind == STATEMENT_BALANCE)
		result = parse_balance(reader, &fresh);
	else if (kind == STATEMENT_RULES)
		result = parse_rules(reader, &fresh);
	else
		result = parse_plain(reader, &fresh);
	if (result < 0)
		return result;
	fresh.span = fresh.selector.span = span_join(reader->first, reader->last);
	struct policy_statement *slot =
	    arena_push(reader->arena, (void **)&tree->statements, &tree->statement_count,
		       &tree->statement_capacity, sizeof(*slot));
	struct span *kept = arena_alloc(reader->arena, sizeof(*kept));
	char *words = arena_copy(reader->arena, reader->words.data, reader->words.size);
	if (!slot || !kept || !words || reader->words.failed)
		return -ENOMEM;
	*slot = fresh;
	*kept = fresh.span;
	struct text text = {words, reader->words.size};
	const struct span *first = name_index_find(reader->statements, text);
	if (!first)
		return name_index_add(reader->arena, &reader->statements, text, kept);
	said = diagnostic_add(reader->sink, SEVERITY_WARNING, "statement-twice", fresh.span,
			      "this statement stands twice");
	diagnostic_label(said, *first, "here it is first");
	return 0;
}

/* --- All of it ----------------------------------------------------------------------------------- */

static int unknown_statement(struct policy_reader *reader)
{
	static const struct {
		const char *word, *hint;
	} others[] = {
	    {"pass", "allow lets packets in"},
	    {"accept", "allow lets packets in; default accept is what happens to the rest"},
	    {"drop", "deny drops packets here, block drops them before anything else; default drop is what "
		     "happens to the rest"},
	    {"table", "a set of addresses is: set NAME { ... }"},
	    {"policy", "default drop is what happens to packets that no statement is about"},
	    {"feed", "a feed is part of a set: set banned { feed drop { url \"https://...\" } }"},
	    {"iptables", "text of iptables-save can be taken as it is: rules \"file\""},
	    {"-A", "text of iptables-save can be taken as it is: rules \"file\""},
	    {"*filter", "text of iptables-save can be taken as it is: rules \"file\""},
	    {"ban", "block drops packets before anything else: block from @banned"},
	    {"notrack", "stateless keeps packets out of connection tracking, and lets them in"},
	};
	const char *names[STATEMENT_KINDS + COUNT_OF(settings)];
	const struct policy_token *token = policy_peek(reader);
	struct diagnostic *said;
	size_t count = 0;

	if (token->kind != TOKEN_WORD)
		return policy_expected(reader, "a statement", NULL, 0);
	for (; count < STATEMENT_KINDS; count++)
		names[count] = policy_kind_names[count];
	for (size_t i = 0; i < COUNT_OF(settings); i++)
		names[count++] = settings[i];
	policy_error(reader, token, "unknown-statement", &said, "there is no statement %.*s",
		     (int)token->text.size, token->text.data);
	const char *near = nearest_name(token->text, names, count);
	if (near)
		diagnostic_hint(said, "did you mean %s?", near);
	for (size_t i = 0; i < COUNT_OF(others); i++)
		if (text_is(token->text, others[i].word))
			diagnostic_hint(said, "%s", others[i].hint);
	return -EINVAL;
}

static int parse_statement(struct policy_reader *reader)
{
	static int (*const parsers[])(struct policy_reader * reader) = {
	    parse_interface, parse_set, parse_define, parse_include, parse_default, parse_conntrack};

	for (size_t i = 0; i < COUNT_OF(settings); i++)
		if (policy_take_word(reader, settings[i]))
			return parsers[i](reader);
	for (int i = 0; i < STATEMENT_KINDS; i++)
		if (policy_take_word(reader, policy_kind_names[i]))
			return parse_packets(reader, (enum policy_kind)i);
	return unknown_statement(reader);
}

/* The end of the line behind a statement. */
static int statement_end(struct policy_reader *reader)
{
	if (policy_next_is(reader, TOKEN_END) || policy_take_kind(reader, TOKEN_LINE))
		return 0;
	return policy_expected(reader, "the end of the line", NULL, 0);
}

static void statement_begin(struct policy_reader *reader)
{
	reader->first = reader->last = (struct span){0};
	reader->words.size = 0;
	reader->keep_words = false;
	reader->braces = 0;
}

static int parse_statements(struct policy_reader *reader)
{
	for (;;) {
		statement_begin(reader);
		if (policy_take_kind(reader, TOKEN_LINE))
			continue;
		if (policy_next_is(reader, TOKEN_END))
			return reader->no_memory ? -ENOMEM : 0;
		if (reader->statement_count++ >= POLICY_STATEMENTS_MAX) {
			if (reader->statement_count == POLICY_STATEMENTS_MAX + 1)
				diagnostic_add(reader->sink, SEVERITY_ERROR, "too-many-statements",
					       policy_peek(reader)->span, "there are more than %d statements",
					       POLICY_STATEMENTS_MAX);
			return 0;
		}
		int result = parse_statement(reader);
		if (result == 0)
			result = statement_end(reader);
		if (reader->no_memory || result == -ENOMEM)
			return -ENOMEM;
		if (result < 0)
			policy_recover(reader);
	}
}

/* Reads another file in the place of the statement that includes it. */
static int parse_source(struct policy_reader *reader, const struct source *source, uint16_t number)
{
	struct policy_token token = reader->token;
	bool has_token = reader->has_token;
	uint32_t at = reader->at;
	uint16_t outer = reader->number;

	reader->files[reader->depth++] = source;
	reader->at = 0;
	reader->number = number;
	reader->has_token = false;
	int result = parse_statements(reader);
	statement_begin(reader);
	reader->depth--;
	reader->at = at;
	reader->number = outer;
	reader->token = token;
	reader->has_token = has_token;
	return result;
}

bool policy_is_statement(struct text word)
{
	for (size_t i = 0; i < COUNT_OF(settings); i++)
		if (text_is(word, settings[i]))
			return true;
	for (int i = 0; i < STATEMENT_KINDS; i++)
		if (text_is(word, policy_kind_names[i]))
			return true;
	return false;
}

/* define and include are words of nft's, too: what stands behind them tells. */
bool policy_recognise(const struct source *source)
{
	struct line_reader lines = {.source = source};
	int braces = 0;

	while (line_reader_next(&lines)) {
		struct text line = span_text(lines.line);
		size_t size = 0;
		bool inside = braces > 0;
		if (line.size == 0 || line.data[0] == '#')
			continue;
		while (size < line.size && line.data[size] >= 'a' && line.data[size] <= 'z')
			size++;
		struct text word = {line.data, size};
		bool shared = text_is(word, "define") || text_is(word, "include");
		if (!inside && !shared)
			return size < line.size && policy_is_statement(word);
		for (size_t i = 0; i < line.size && braces < 1000; i++)
			braces += line.data[i] == '{' ? 1 : line.data[i] == '}' ? -1 : 0;
	}
	return false;
}

int policy_read(struct arena *arena, struct diagnostics *sink, const struct source *source,
		const struct policy_options *options, struct policy_tree **tree)
{
	static const struct policy_options none;
	struct policy_reader *reader = arena_alloc(arena, sizeof(*reader));
	struct policy_tree *fresh = arena_alloc(arena, sizeof(*fresh));
	size_t errors = diagnostics_errors(sink);
	uint16_t number;

	if (!reader || !fresh)
		return -ENOMEM;
	*fresh = (struct policy_tree){.arena = arena, .main = source};
	for (int i = 0; i < DIRECTION_COUNT; i++)
		fresh->defaults[i] =
		    (struct policy_default){.verdict = VERDICT_ACCEPT, .implied = IMPLIED_ALL};
	*reader = (struct policy_reader){
	    .arena = arena, .sink = sink, .options = options ? options : &none, .tree = fresh};
	int result = policy_add_source(reader, NULL, &number);
	if (result == 0)
		result = policy_add_source(reader, source, &number);
	if (result == 0)
		result = parse_source(reader, source, number);
	if (result == 0)
		result = policy_resolve_sets(reader);
	if (result == 0)
		result = policy_resolve_statements(reader);
	if (result == 0 && diagnostics_errors(sink) == errors)
		result = policy_check(reader);
	buffer_fini(&reader->words);
	if (result == 0 && diagnostics_errors(sink) > errors)
		result = -EINVAL;
	if (result == 0)
		*tree = fresh;
	return result;
}
