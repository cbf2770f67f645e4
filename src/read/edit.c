/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Commands that iptables-save never prints, but iptables-restore takes in a file written by hand: rules put
 * in the middle, taken out or replaced, chains emptied, removed or renamed. They are carried out one by one,
 * as iptables-restore does (libiptc: iptc_insert_entry() and its kind), so that what is left is what the
 * kernel gets. What it refuses, such as removing a chain that is in use, is refused here.
 *
 * Work that grows with the square of the input is counted: past WORK_MAX the input is refused. */
#include "read/reader.h"
#include "ruleset/name_index.h"
#include "ruleset/rule_parser.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define WORK_MAX (1u << 26)
#define WORK_PRINT 64   /* of printing a rule */
#define WORK_REINDEX 16 /* of indexing a chain again, which also takes memory */

enum edit_command {
	EDIT_INSERT,
	EDIT_DELETE,
	EDIT_REPLACE,
	EDIT_CHECK,
	EDIT_FLUSH,
	EDIT_REMOVE,
	EDIT_ZERO,
	EDIT_RENAME,
	EDIT_LIST,
};

static const struct {
	const char *letter, *name;
	enum edit_command command;
} commands[] = {
    {"-I", "--insert", EDIT_INSERT},   {"-D", "--delete", EDIT_DELETE},
    {"-R", "--replace", EDIT_REPLACE}, {"-C", "--check", EDIT_CHECK},
    {"-F", "--flush", EDIT_FLUSH},     {"-X", "--delete-chain", EDIT_REMOVE},
    {"-Z", "--zero", EDIT_ZERO},       {"-L", "--list", EDIT_LIST},
    {"-S", "--list-rules", EDIT_LIST}, {"-E", "--rename-chain", EDIT_RENAME},
};

static bool find_command(const struct word *word, enum edit_command *command)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (text_is(word->text, commands[i].letter) || text_is(word->text, commands[i].name)) {
			*command = commands[i].command;
			return true;
		}
	return false;
}

bool edit_is_command(const struct word *word)
{
	enum edit_command ignored;

	return find_command(word, &ignored);
}

struct edit {
	struct rule_reader *reader;
	const struct word *words; /* behind the command and the chain */
	size_t count;
	struct span span;
	const uint64_t *counters;
};

static struct diagnostic *edit_error(const struct edit *edit, const char *code, const char *message)
{
	return diagnostic_add(edit->reader->parser.sink, SEVERITY_ERROR, code, edit->span, "%s", message);
}

static bool charge(const struct edit *edit, size_t work)
{
	struct rule_reader *reader = edit->reader;

	if (reader->work <= WORK_MAX && work <= WORK_MAX - reader->work) {
		reader->work += work;
		return true;
	}
	if (reader->work <= WORK_MAX) /* say it once */
		diagnostic_hint(
		    edit_error(edit, "too-many-edits", "the file changes its own rules too often"),
		    "load it with iptables-restore, and give weir what iptables-save prints then");
	reader->work = WORK_MAX + 1;
	return false;
}

static void too_many_words(const struct edit *edit)
{
	diagnostic_hint(edit_error(edit, "bad-command", "the command has words too many, or too few"),
			"iptables refuses it");
}

/* --- jumps whose chain is not known yet are kept by the index of their rule */

static void pending_remove(struct rule_reader *reader, const struct chain *chain, size_t first, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < reader->pending_count; i++) {
		struct pending_jump pending = reader->pending[i];
		if (pending.chain == chain && pending.rule >= first) {
			if (pending.rule < first + count)
				continue;
			pending.rule -= count;
		}
		reader->pending[kept++] = pending;
	}
	reader->pending_count = kept;
}

static bool pending_names(const struct rule_reader *reader, struct text name)
{
	for (size_t i = 0; i < reader->pending_count; i++)
		if (text_equal(reader->pending[i].word.text, name))
			return true;
	return false;
}

static void renumber(struct chain *chain, size_t from)
{
	for (size_t i = from; i < chain->rule_count; i++)
		chain->rules[i].number = (uint32_t)(i + 1);
}

static void remove_rules(struct rule_reader *reader, struct chain *chain, size_t first, size_t count)
{
	if (!count) /* the chain may have no array */
		return;
	memmove(&chain->rules[first], &chain->rules[first + count],
		(chain->rule_count - first - count) * sizeof(*chain->rules));
	chain->rule_count -= count;
	pending_remove(reader, chain, first, count);
	renumber(chain, first);
}

/* The last `count` rules go to `place`, each before the one read before it: so does -I with a list of
 * addresses, which puts rule after rule in the same place. */
static int move_to(struct rule_reader *reader, struct chain *chain, size_t place, size_t count)
{
	size_t before = chain->rule_count - count;
	struct rule *moved;

	if (!count)
		return 0;
	moved = reallocarray(NULL, count, sizeof(*moved));
	if (!moved)
		return -ENOMEM;
	memcpy(moved, &chain->rules[before], count * sizeof(*moved));
	memmove(&chain->rules[place + count], &chain->rules[place], (before - place) * sizeof(*moved));
	for (size_t i = 0; i < count; i++)
		chain->rules[place + count - 1 - i] = moved[i];
	free(moved);
	for (size_t i = 0; i < reader->pending_count; i++) {
		struct pending_jump *pending = &reader->pending[i];
		if (pending->chain != chain || pending->rule < place)
			continue;
		pending->rule = pending->rule < before ? pending->rule + count
						       : place + count - 1 - (pending->rule - before);
	}
	renumber(chain, place);
	return 0;
}

/* --- rules */

/* Appends the rules that the rest of the line stands for; *count of them, none after an error. */
static int read_rules(const struct edit *edit, struct chain *chain, size_t *count)
{
	size_t before = chain->rule_count;
	int result = rule_read(edit->reader, chain, edit->words, edit->count, edit->span, edit->counters);

	*count = chain->rule_count - before;
	return result;
}

/* A rule's number, if one stands next: 1 and *number, 0 when there is none, -EINVAL with a diagnostic. */
static int take_number(struct edit *edit, size_t *number)
{
	uint64_t value;

	if (!edit->count || edit->words->text.size == 0 || strchr("-!", edit->words->text.data[0]))
		return 0;
	if (number_parse_c(edit->words->text, INT_MAX, &value) || value == 0) {
		diagnostic_hint(diagnostic_add(edit->reader->parser.sink, SEVERITY_ERROR, "bad-number",
					       edit->words->span, "not the number of a rule"),
				"a chain's rules count from 1");
		return -EINVAL;
	}
	*number = (size_t)value;
	edit->words++;
	edit->count--;
	return 1;
}

static void no_such_rule(const struct edit *edit, const struct chain *chain)
{
	diagnostic_hint(edit_error(edit, "no-such-rule", "the chain has no such rule"),
			"%.*s has %zu rules at this place of the file", (int)chain->name.size,
			chain->name.data, chain->rule_count);
}

static int insert(struct edit *edit, struct chain *chain)
{
	size_t number = 1, count, before = chain->rule_count;

	if (take_number(edit, &number) < 0)
		return 0;
	if (number > before + 1) {
		no_such_rule(edit, chain);
		return 0;
	}
	int result = read_rules(edit, chain, &count);
	if (result || !charge(edit, before - (number - 1) + edit->reader->pending_count))
		return result;
	return move_to(edit->reader, chain, number - 1, count);
}

static int replace(struct edit *edit, struct chain *chain)
{
	size_t number = 0, count;
	int taken = take_number(edit, &number);

	if (taken < 0)
		return 0;
	if (!taken) {
		too_many_words(edit);
		return 0;
	}
	if (number > chain->rule_count) {
		no_such_rule(edit, chain);
		return 0;
	}
	int result = read_rules(edit, chain, &count);
	if (result || !count || !charge(edit, chain->rule_count - number + edit->reader->pending_count))
		return result;
	if (count > 1) {
		diagnostic_hint(edit_error(edit, "bad-command", "-R with more than one address"),
				"a rule is replaced by one rule");
		return 0;
	}
	result = move_to(edit->reader, chain, number - 1, count);
	if (result == 0)
		remove_rules(edit->reader, chain, number, 1);
	return result;
}

static bool address_same(const struct address_match *a, const struct address_match *b)
{
	return a->value == b->value && a->mask == b->mask && a->inverted == b->inverted;
}

/* What both rules print as: iptables compares the options that it would print, too. -ENOMEM, else truth. */
static int rules_same(const struct rule *a, const struct rule *b)
{
	struct buffer one = {0}, other = {0};
	int same = -ENOMEM;

	rule_print(a, true, &one);
	rule_print(b, true, &other);
	if (!one.failed && !other.failed)
		same = text_equal((struct text){one.data, one.size}, (struct text){other.data, other.size});
	buffer_fini(&one);
	buffer_fini(&other);
	return same;
}

/* The first of the chain's first `count` rules that is the same as `sought`: its index, `count` when there is
 * none, or past the budget. */
static int find_rule(const struct edit *edit, const struct chain *chain, size_t count,
		     const struct rule *sought, size_t *index)
{
	bool jumps_nowhere = sought->target.type == &target_jump && !sought->target.chain;

	*index = count;
	for (size_t i = 0; i < count && !jumps_nowhere; i++) {
		const struct rule *rule = &chain->rules[i];
		bool near = address_same(&rule->source, &sought->source) &&
			    address_same(&rule->destination, &sought->destination) &&
			    rule->protocol == sought->protocol && rule->match_count == sought->match_count &&
			    rule->target.type == sought->target.type &&
			    rule->target.chain == sought->target.chain;
		if (!charge(edit, near ? WORK_PRINT : 1))
			return 0;
		int same = near ? rules_same(rule, sought) : 0;
		if (same < 0)
			return same;
		if (same) {
			*index = i;
			return 0;
		}
	}
	return 0;
}

/* -D and -C with a rule: the rules that the line stands for are read behind the others, looked for, and taken
 * off again. */
static int delete_same(struct edit *edit, struct chain *chain, bool check_only)
{
	size_t before = chain->rule_count, count, index;
	int result = read_rules(edit, chain, &count);

	for (size_t i = 0; i < count && result == 0; i++) {
		result = find_rule(edit, chain, before, &chain->rules[before + i], &index);
		if (result == 0 && index == before && edit->reader->work <= WORK_MAX)
			no_such_rule(edit, chain);
		if (result == 0 && index < before && !check_only &&
		    charge(edit, before - index + edit->reader->pending_count)) {
			remove_rules(edit->reader, chain, index, 1);
			before--;
		}
	}
	remove_rules(edit->reader, chain, before, chain->rule_count - before);
	return result;
}

static int delete (struct edit *edit, struct chain *chain)
{
	size_t number = 0;
	int taken = take_number(edit, &number);

	if (taken < 0)
		return 0;
	if (!taken)
		return delete_same(edit, chain, false);
	if (edit->count)
		too_many_words(edit);
	else if (number > chain->rule_count)
		no_such_rule(edit, chain);
	else if (charge(edit, chain->rule_count - number + edit->reader->pending_count))
		remove_rules(edit->reader, chain, number - 1, 1);
	return 0;
}

/* --- chains */

static int reindex(const struct edit *edit)
{
	struct table *table = edit->reader->table;
	int result = 0;

	if (!charge(edit, table->chain_count * WORK_REINDEX))
		return 0;
	table->index = NULL;
	for (size_t i = 0; i < table->chain_count && result == 0; i++)
		result = name_index_add(edit->reader->arena, &table->index, table->chains[i]->name,
					table->chains[i]);
	return result;
}

static void flush(const struct edit *edit, struct chain *chain)
{
	if (charge(edit, edit->reader->pending_count))
		remove_rules(edit->reader, chain, 0, chain->rule_count);
}

/* Whether a rule of the table goes to the chain. */
static bool is_used(const struct edit *edit, const struct chain *chain)
{
	const struct table *table = edit->reader->table;

	if (pending_names(edit->reader, chain->name))
		return true;
	for (size_t i = 0; i < table->chain_count; i++) {
		const struct chain *caller = table->chains[i];
		if (!charge(edit, caller->rule_count + 1))
			return true;
		for (size_t k = 0; k < caller->rule_count; k++)
			if (caller->rules[k].target.chain == chain)
				return true;
	}
	return false;
}

/* 0 also after a diagnostic. */
static int remove_chain(const struct edit *edit, struct chain *chain)
{
	struct table *table = edit->reader->table;
	size_t index = 0;

	if (chain->builtin || chain->rule_count || is_used(edit, chain)) {
		diagnostic_hint(edit_error(edit, "chain-in-use",
					   chain->builtin ? "a built-in chain cannot be removed"
					   : chain->rule_count
					       ? "the chain to be removed is not empty"
					       : "a rule still goes to the chain to be removed"),
				"iptables refuses it");
		return 0;
	}
	while (table->chains[index] != chain)
		index++;
	memmove(&table->chains[index], &table->chains[index + 1],
		(table->chain_count - index - 1) * sizeof(struct chain *));
	table->chain_count--;
	return reindex(edit);
}

/* -X without a chain: all user chains go. */
static int remove_all(const struct edit *edit)
{
	struct table *table = edit->reader->table;
	size_t kept = 0;

	for (size_t i = 0; i < table->chain_count; i++) {
		const struct chain *chain = table->chains[i];
		if (!charge(edit, chain->rule_count + edit->reader->pending_count + 1))
			return 0;
		bool busy =
		    chain->builtin ? false : chain->rule_count || pending_names(edit->reader, chain->name);
		for (size_t k = 0; chain->builtin && k < chain->rule_count; k++)
			busy |= chain->rules[k].target.chain != NULL;
		if (busy) {
			diagnostic_hint(
			    edit_error(edit, "chain-in-use", "a user chain is not empty, or in use"),
			    "iptables refuses it; empty the chains with -F");
			return 0;
		}
	}
	for (size_t i = 0; i < table->chain_count; i++)
		if (table->chains[i]->builtin)
			table->chains[kept++] = table->chains[i];
	table->chain_count = kept;
	return reindex(edit);
}

static int rename_chain(const struct edit *edit, struct chain *chain)
{
	if (edit->count != 1) {
		too_many_words(edit);
		return 0;
	}
	if (chain->builtin ||
	    !chain_name_check(edit->reader->parser.sink, edit->reader->table, edit->words)) {
		if (chain->builtin)
			edit_error(edit, "bad-command", "a built-in chain cannot be renamed");
		return 0;
	}
	if (table_find_chain(edit->reader->table, edit->words->text)) {
		edit_error(edit, "duplicate-chain", "there is a chain of the new name already");
		return 0;
	}
	chain->name = edit->words->text;
	return reindex(edit);
}

/* Jumps that stood above their chain's declaration, once it was declared: -E and -X go by the chain. */
static void settle(const struct edit *edit)
{
	struct rule_reader *reader = edit->reader;
	size_t kept = 0;

	if (!charge(edit, reader->pending_count))
		return;
	for (size_t i = 0; i < reader->pending_count; i++) {
		struct pending_jump pending = reader->pending[i];
		struct chain *chain = table_find_chain(reader->table, pending.word.text);
		if (chain && !chain->builtin)
			pending.chain->rules[pending.rule].target.chain = chain;
		else
			reader->pending[kept++] = pending;
	}
	reader->pending_count = kept;
}

static int edit_chain(struct edit *edit, enum edit_command command, struct chain *chain)
{
	size_t ignored;

	switch (command) {
	case EDIT_INSERT:
		return insert(edit, chain);
	case EDIT_DELETE:
		return delete (edit, chain);
	case EDIT_REPLACE:
		return replace(edit, chain);
	case EDIT_CHECK:
		return delete_same(edit, chain, true);
	case EDIT_RENAME:
		return rename_chain(edit, chain);
	case EDIT_ZERO: /* counters come from the lines: iptables-restore -c sets them at COMMIT */
		take_number(edit, &ignored);
		break;
	default:
		break;
	}
	if (edit->count)
		too_many_words(edit);
	else if (command == EDIT_FLUSH)
		flush(edit, chain);
	else if (command == EDIT_REMOVE)
		return remove_chain(edit, chain);
	return 0;
}

int edit_read(struct rule_reader *reader, const struct word *words, size_t count, const uint64_t counters[2],
	      struct span span)
{
	struct edit edit = {.reader = reader, .span = span, .counters = counters};
	struct table *table = reader->table;
	enum edit_command command;

	if (!count || !find_command(&words[0], &command))
		return 0;
	settle(&edit);
	if (count == 1 && command == EDIT_FLUSH) {
		if (!charge(&edit, table->chain_count))
			return 0;
		for (size_t i = 0; i < table->chain_count; i++)
			flush(&edit, table->chains[i]);
		return 0;
	}
	if (count == 1 && command == EDIT_REMOVE)
		return remove_all(&edit);
	if (count == 1 && (command == EDIT_ZERO || command == EDIT_LIST))
		return 0;
	if (count == 1) {
		too_many_words(&edit);
		return 0;
	}
	struct chain *chain = table_find_chain(table, words[1].text);
	if (!chain) {
		diagnostic_hint(diagnostic_add(reader->parser.sink, SEVERITY_ERROR, "unknown-chain",
					       words[1].span, "no chain %.*s was declared above",
					       (int)words[1].text.size, words[1].text.data),
				"iptables refuses it");
		return 0;
	}
	edit.words = words + 2;
	edit.count = count - 2;
	return edit_chain(&edit, command, chain);
}
