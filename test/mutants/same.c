/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rewrites that mean the same for every packet. They keep their hands off what has a memory or looks at more
 * than the diagram's fields: of those two rules are two questions. */
#include "mutate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_one_of(const char *word, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(word, list[i]) == 0)
			return true;
	return false;
}

#define IS_ONE_OF(word, list) is_one_of(word, list, sizeof(list) / sizeof(*(list)))

/* What it asks is asked of header fields and of sets that nothing changes. */
static bool is_plain(const struct side *side, const struct words *words)
{
	static const char *const plain[] = {"tcp",     "udp",   "icmp",      "icmp6",   "multiport",
					    "comment", "state", "conntrack", "iprange", "set"};
	static const char *const odd[] = {"--tcp-option", "--ctproto",   "--ctdir",         "--ctstatus",
					  "--ctorigsrc",  "--ctrepldst", "--ctorigdstport", "--ctexpire"};

	for (size_t i = 2; i < words->count; i++) {
		if (strcmp(words->items[i], "-m") == 0 && !IS_ONE_OF(words->items[i + 1], plain))
			return false;
		/* A set of sets.c may be one unknown for each rule: with marks, or with members that time out
		 * in a table that changes marks. */
		if (IS_ONE_OF(words->items[i], odd) || strncmp(words->items[i], "more", 4) == 0)
			return false;
		if (i > 0 && (strcmp(words->items[i - 1], "--ctstate") == 0) &&
		    strstr(words->items[i], "NAT"))
			return false;
		if (strcmp(words->items[i], "set") != 0)
			continue;
		for (size_t l = 0; l < side->tables.count; l++)
			if (strstr(side->tables.items[l], " -j SET "))
				return false;
		for (size_t l = 0; l < side->sets.count; l++)
			if (strstr(side->sets.items[l], " counters"))
				return false;
	}
	return true;
}

static bool ends(const struct words *words)
{
	static const char *const targets[] = {"DROP", "ACCEPT", "RETURN", "REJECT"};
	size_t place = words_find(words, "-j");

	return place + 1 < words->count && IS_ONE_OF(words->items[place + 1], targets);
}

/* A plain rule that ends the walk through its chain. */
static size_t draw_plain(const struct side *side, struct random *random, struct words *words)
{
	for (unsigned attempt = 0; attempt < 20; attempt++) {
		size_t line = draw_rule(&side->tables, random);

		if (line != SIZE_MAX && line_words(words, side->tables.items[line]) &&
		    is_plain(side, words) && ends(words))
			return line;
	}
	return SIZE_MAX;
}

static bool repeat_behind(struct side *side, struct random *random)
{
	struct words words;
	size_t line = draw_plain(side, random, &words);

	if (line == SIZE_MAX)
		return false;
	lines_add(&side->tables, line + 1, side->tables.items[line]);
	return true;
}

/* With another target, behind the rule that takes all its packets. */
static bool add_dead(struct side *side, struct random *random)
{
	static const char *const targets[] = {"DROP", "ACCEPT", "RETURN", "LOG"};
	struct words words;
	char text[LINE_MAX_SIZE];
	size_t line = draw_plain(side, random, &words);

	if (line == SIZE_MAX)
		return false;
	words.count = words_find(&words, "-j") + 1;
	if (!words_insert(&words, words.count, targets[random_below(random, 4)]) || !words_join(&words, text))
		return false;
	lines_add(&side->tables, line + 1, text);
	return true;
}

static bool split_prefix(struct side *side, struct random *random)
{
	struct words words;
	size_t line = draw_plain(side, random, &words);
	struct pool_prefix prefix;

	if (line == SIZE_MAX)
		return false;
	size_t place = words_find(&words, random_percent(random, 70) ? "-s" : "-d");
	if (place + 1 >= words.count || strcmp(words.items[place - 1], "!") == 0)
		return false;
	enum family family = strchr(words.items[place + 1], ':') ? FAMILY_IPV6 : FAMILY_IPV4;
	if (!prefix_read(family, words.items[place + 1], &prefix))
		return false;
	unsigned length = (unsigned)mask_length(family, prefix.mask), bits = family_bits(family);
	if (length == bits)
		return false;
	prefix.mask = prefix_mask(family, length + 1);
	for (int half = 0; half < 2; half++) {
		struct buffer text = {0};
		char fresh[LINE_MAX_SIZE];

		prefix_write(family, &prefix, &text);
		words.items[place + 1] = text.data;
		bool done = words_join(&words, fresh);
		buffer_fini(&text);
		if (!done)
			return false;
		if (half)
			lines_add(&side->tables, line + random_below(random, 2), fresh);
		else
			lines_set(&side->tables, line, fresh);
		prefix.value |= (address)1 << (bits - 1 - length);
	}
	return true;
}

static bool split_ports(struct side *side, struct random *random)
{
	struct words words;
	unsigned low, high;
	size_t line = draw_plain(side, random, &words);

	if (line == SIZE_MAX)
		return false;
	size_t place = words_find(&words, random_percent(random, 30) ? "--sport" : "--dport");
	if (place + 1 >= words.count || strcmp(words.items[place - 1], "!") == 0 ||
	    sscanf(words.items[place + 1], "%u:%u", &low, &high) != 2 || low >= high)
		return false;
	unsigned middle = low + random_below(random, high - low);
	for (int half = 0; half < 2; half++) {
		char range[32], fresh[LINE_MAX_SIZE];

		snprintf(range, sizeof(range), "%u:%u", half ? middle + 1 : low, half ? high : middle);
		words.items[place + 1] = range;
		if (!words_join(&words, fresh))
			return false;
		if (half)
			lines_add(&side->tables, line + random_below(random, 2), fresh);
		else
			lines_set(&side->tables, line, fresh);
	}
	return true;
}

static size_t tail_of(const struct words *words, char *tail)
{
	struct words own = *words;
	size_t place = words_find(words, "-j");

	memmove(own.items, own.items + place, (words->count - place) * sizeof(char *));
	own.count = words->count - place;
	words_join(&own, tail);
	return place;
}

/* Two neighbours with one target. */
static bool swap_alike(struct side *side, struct random *random)
{
	struct words first, second;
	char tails[2][LINE_MAX_SIZE];
	size_t line = draw_plain(side, random, &first);

	if (line == SIZE_MAX || line + 1 >= side->tables.count || !is_rule(side->tables.items[line + 1]) ||
	    !line_words(&second, side->tables.items[line + 1]) || !is_plain(side, &second) ||
	    !ends(&second) || strcmp(first.items[1], second.items[1]) != 0)
		return false;
	tail_of(&first, tails[0]);
	tail_of(&second, tails[1]);
	if (strcmp(tails[0], tails[1]) != 0)
		return false;
	char *own = side->tables.items[line];
	side->tables.items[line] = side->tables.items[line + 1];
	side->tables.items[line + 1] = own;
	return true;
}

/* Rules of one chain into a chain of their own. */
static bool take_out(struct side *side, struct random *random)
{
	struct words words;
	char text[LINE_MAX_SIZE], chain[256], jump[320];
	size_t line = draw_rule(&side->tables, random), count = 0;

	if (line == SIZE_MAX || !line_words(&words, side->tables.items[line]) ||
	    strlen(words.items[1]) >= sizeof(chain))
		return false;
	snprintf(chain, sizeof(chain), "%s", words.items[1]);
	size_t most = 1 + random_below(random, 8);
	for (; count < most && line + count < side->tables.count; count++) {
		if (!is_rule(side->tables.items[line + count]) ||
		    !line_words(&words, side->tables.items[line + count]) ||
		    strcmp(words.items[1], chain) != 0 || words_find(&words, "-g") < words.count ||
		    words_find(&words, "RETURN") < words.count || !is_plain(side, &words))
			break;
	}
	if (!count)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!line_words(&words, side->tables.items[line + i]))
			return false;
		words.items[1] = (char *)"MOVED";
		if (!words_join(&words, text))
			return false;
		lines_set(&side->tables, line + i, text);
	}
	snprintf(jump, sizeof(jump), "-A %s -j MOVED", chain);
	lines_add(&side->tables, line, jump);
	/* Declared with the others of its table. */
	size_t at = line;
	while (at > 0 && side->tables.items[at - 1][0] != '*')
		at--;
	lines_add(&side->tables, at, ":MOVED - [0:0]");
	return true;
}

/* A row of rules that differ in their source alone, as a set. */
static bool list_to_set(struct side *side, struct random *random)
{
	struct words words;
	struct pool_prefix prefix;
	char row[LINE_MAX_SIZE], text[LINE_MAX_SIZE];
	size_t line = draw_plain(side, random, &words), count = 0, place;

	if (line == SIZE_MAX)
		return false;
	enum family family = FAMILY_IPV4;
	for (; line + count < side->tables.count && is_rule(side->tables.items[line + count]); count++) {
		if (!line_words(&words, side->tables.items[line + count]))
			break;
		place = words_find(&words, "-s");
		if (place + 1 >= words.count || strcmp(words.items[place - 1], "!") == 0)
			break;
		family = strchr(words.items[place + 1], ':') ? FAMILY_IPV6 : FAMILY_IPV4;
		if (!prefix_read(family, words.items[place + 1], &prefix) || !prefix.mask)
			break;
		words_remove(&words, place);
		words_remove(&words, place);
		if (!words_join(&words, text) || (count && strcmp(text, row) != 0))
			break;
		snprintf(row, sizeof(row), "%s", text);
	}
	if (!count)
		return false;
	size_t at = side->sets.count;
	snprintf(text, sizeof(text), "create mutated hash:net family %s hashsize 1024 maxelem 65536",
		 family == FAMILY_IPV4 ? "inet" : "inet6");
	lines_add(&side->sets, at++, text);
	for (size_t i = 0; i < count; i++) {
		struct buffer member = {0};

		if (!line_words(&words, side->tables.items[line]))
			return false;
		place = words_find(&words, "-s");
		prefix_read(family, words.items[place + 1], &prefix);
		buffer_puts(&member, "add mutated ");
		prefix_write(family, &prefix, &member);
		bool known = false;
		for (size_t m = 0; m < side->sets.count; m++)
			known |= strcmp(side->sets.items[m], member.data) == 0;
		if (!known)
			lines_add(&side->sets, at++, member.data);
		buffer_fini(&member);
		lines_remove(&side->tables, line);
	}
	if (!line_words(&words, row))
		return false;
	place = words_find(&words, "-j");
	static const char *const match[] = {"-m", "set", "--match-set", "mutated", "src"};
	for (size_t i = 0; i < 5; i++)
		if (!words_insert(&words, place + i, match[i]))
			return false;
	if (!words_join(&words, text))
		return false;
	lines_add(&side->tables, line, text);
	return true;
}

/* Their order says nothing, where no prefix is there twice. */
static bool reorder_members(struct side *side, struct random *random)
{
	size_t adds = 0;

	for (size_t i = 0; i < side->sets.count; i++) {
		size_t j = i + 1;
		adds += strncmp(side->sets.items[i], "add ", 4) == 0;
		/* Lists are asked in their order. */
		if (j >= side->sets.count || strstr(side->sets.items[i], "more_list") ||
		    strncmp(side->sets.items[i], "add ", 4) != 0 ||
		    strncmp(side->sets.items[j], "add ", 4) != 0 || random_percent(random, 50) ||
		    strcspn(side->sets.items[i] + 4, " ") != strcspn(side->sets.items[j] + 4, " ") ||
		    strncmp(side->sets.items[i], side->sets.items[j],
			    4 + strcspn(side->sets.items[i] + 4, " ")) != 0)
			continue;
		char *own = side->sets.items[i];
		side->sets.items[i] = side->sets.items[j];
		side->sets.items[j] = own;
	}
	return adds > 1;
}

static bool add_comment(struct side *side, struct random *random)
{
	struct words words;
	char text[LINE_MAX_SIZE];
	size_t line = draw_plain(side, random, &words);

	if (line == SIZE_MAX)
		return false;
	size_t place = words_find(&words, "-j");
	static const char *const match[] = {"-m", "comment", "--comment", "mutated"};
	for (size_t i = 0; i < 4; i++)
		if (!words_insert(&words, place + i, match[i]))
			return false;
	if (!words_join(&words, text))
		return false;
	lines_set(&side->tables, line, text);
	return true;
}

static bool nothing(struct side *side, struct random *random)
{
	(void)random;
	return side->tables.count > 0;
}

const struct mutation rewrites[] = {
    {"nothing", nothing},
    {"repeated behind itself", repeat_behind},
    {"dead rule", add_dead},
    {"prefix split", split_prefix},
    {"prefix split", split_prefix},
    {"ports split", split_ports},
    {"rules of one target swapped", swap_alike},
    {"rules in a chain of their own", take_out},
    {"rules in a chain of their own", take_out},
    {"list as a set", list_to_set},
    {"list as a set", list_to_set},
    {"members in another order", reorder_members},
    {"comment", add_comment},
};
const size_t rewrite_count = sizeof(rewrites) / sizeof(*rewrites);
