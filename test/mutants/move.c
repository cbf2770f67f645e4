/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Moves: rules that stand in another hook, or another table, as when bans go from INPUT to PREROUTING. Some
 * do the same to packets on their whole way, some do not. */
#include "mutate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct target_chain {
	const char *table, *chain;
};

static const struct target_chain early[] = {
    {"raw", "PREROUTING"}, {"mangle", "PREROUTING"}, {"mangle", "INPUT"}, {"mangle", "FORWARD"}};
static const struct target_chain any[] = {
    {"raw", "PREROUTING"},  {"raw", "OUTPUT"},    {"mangle", "PREROUTING"},  {"mangle", "INPUT"},
    {"mangle", "FORWARD"},  {"mangle", "OUTPUT"}, {"mangle", "POSTROUTING"}, {"filter", "INPUT"},
    {"filter", "FORWARD"},  {"filter", "OUTPUT"}, {"security", "INPUT"},     {"security", "FORWARD"},
    {"security", "OUTPUT"},
};

static size_t find_table(const struct lines *lines, const char *table)
{
	for (size_t i = 0; i < lines->count; i++)
		if (lines->items[i][0] == '*' && strcmp(lines->items[i] + 1, table) == 0)
			return i;
	return SIZE_MAX;
}

static size_t table_end(const struct lines *lines, size_t from)
{
	while (from < lines->count && strcmp(lines->items[from], "COMMIT") != 0)
		from++;
	return from;
}

static const char *table_of(const struct lines *lines, size_t line)
{
	while (line > 0 && lines->items[line][0] != '*')
		line--;
	return lines->items[line] + (lines->items[line][0] == '*');
}

/* Where rules of that chain begin, or end; the table and the chain are made where they are not there. */
static size_t make_room(struct lines *lines, const struct target_chain *target, bool behind)
{
	char text[64];
	size_t at = find_table(lines, target->table);
	if (at == SIZE_MAX) {
		snprintf(text, sizeof(text), "*%s", target->table);
		at = lines->count;
		lines_add(lines, at, text);
		lines_add(lines, at + 1, "COMMIT");
	}
	snprintf(text, sizeof(text), ":%s ", target->chain);
	bool there = false;
	size_t end = table_end(lines, at), rules = at + 1;
	for (size_t i = at + 1; i < end; i++) {
		there |= strncmp(lines->items[i], text, strlen(text)) == 0;
		if (lines->items[i][0] == ':')
			rules = i + 1;
	}
	if (!there) {
		snprintf(text, sizeof(text), ":%s ACCEPT [0:0]", target->chain);
		lines_add(lines, at + 1, text);
		rules++;
		end++;
	}
	return behind ? end : rules;
}

static bool put_rule(struct lines *lines, const char *line, const struct target_chain *target, bool behind)
{
	struct words words;
	char text[LINE_MAX_SIZE];
	if (!line_words(&words, line))
		return false;
	words.items[1] = (char *)target->chain;
	if (!words_join(&words, text))
		return false;
	lines_add(lines, make_room(lines, target, behind), text);
	return true;
}

/* A ruleset of two families has the tables twice. */
static bool has_one_family(const struct side *side)
{
	size_t raw = 0;
	for (size_t i = 0; i < side->tables.count; i++)
		raw += strcmp(side->tables.items[i], "*filter") == 0;
	return raw <= 1;
}

static bool move_one(struct side *side, const struct target_chain *targets, size_t count, bool keep,
		     struct random *random)
{
	const struct target_chain *target = &targets[random_below(random, (uint32_t)count)];
	struct words words;
	char line[LINE_MAX_SIZE];
	size_t at = draw_rule(&side->tables, random);
	if (at == SIZE_MAX || !has_one_family(side) || !line_words(&words, side->tables.items[at]))
		return false;
	if (strcmp(words.items[1], target->chain) == 0 &&
	    strcmp(table_of(&side->tables, at), target->table) == 0)
		return false;
	snprintf(line, sizeof(line), "%s", side->tables.items[at]);
	if (!keep)
		lines_remove(&side->tables, at);
	return put_rule(&side->tables, line, target, random_percent(random, 30));
}

static bool move_anywhere(struct side *side, struct random *random)
{
	return move_one(side, any, sizeof(any) / sizeof(*any), false, random);
}

static bool move_early(struct side *side, struct random *random)
{
	return move_one(side, early, sizeof(early) / sizeof(*early), false, random);
}

static bool copy_early(struct side *side, struct random *random)
{
	return move_one(side, early, sizeof(early) / sizeof(*early), true, random);
}

/* The first drops of INPUT, which no rule before them spares, as bans are. */
static bool move_bans(struct side *side, struct random *random)
{
	const struct target_chain *target = &early[random_below(random, 3)];
	size_t at = find_table(&side->tables, "filter"), moved = 0;
	if (at == SIZE_MAX || !has_one_family(side))
		return false;
	for (size_t i = at; i < table_end(&side->tables, at);) {
		const char *line = side->tables.items[i];
		bool input = strncmp(line, "-A INPUT ", 9) == 0;
		bool drops =
		    strstr(line, " -j DROP") && !strstr(line, "--ctstate") && !strstr(line, "--state");
		if (input && !drops && random_percent(random, 70))
			break;
		if (!input || !drops) {
			i++;
			continue;
		}
		char copy[LINE_MAX_SIZE];
		snprintf(copy, sizeof(copy), "%s", line);
		lines_remove(&side->tables, i);
		size_t before = side->tables.count;
		if (!put_rule(&side->tables, copy, target, false))
			return false;
		moved++;
		/* What was put before it moves it on. */
		if (find_table(&side->tables, target->table) < i)
			i += side->tables.count - before;
		at = find_table(&side->tables, "filter");
	}
	return moved > 0;
}

/* Drops bans at the head of INPUT first, so that there are some to move. */
static bool ban_and_move(struct side *side, struct random *random)
{
	struct words words;
	char line[LINE_MAX_SIZE] = "";
	for (unsigned attempt = 0; attempt < 8 && !line[0]; attempt++) {
		size_t at = draw_rule(&side->tables, random);
		if (at == SIZE_MAX || !line_words(&words, side->tables.items[at]))
			return false;
		size_t source = words_find(&words, "-s");
		if (source + 1 < words.count && strcmp(words.items[source - 1], "!") != 0)
			snprintf(line, sizeof(line), "-A INPUT -s %s -j DROP", words.items[source + 1]);
	}
	return line[0] && has_one_family(side) &&
	       put_rule(&side->tables, line, &early[random_below(random, 3)], random_percent(random, 50));
}

const struct mutation moves[] = {
    {"rule in another chain", move_anywhere}, {"rule in an earlier chain", move_early},
    {"rule in an earlier chain", move_early}, {"also in an earlier chain", copy_early},
    {"drops of INPUT earlier", move_bans},    {"drops of INPUT earlier", move_bans},
    {"a ban earlier", ban_and_move},
};
const size_t move_count = sizeof(moves) / sizeof(*moves);
