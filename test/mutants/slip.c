/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Slips: what changes by mistake in a ruleset. Many of them are refused by the reader, some change nothing.
 */
#include "mutate.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum family line_family(const char *line)
{
	return strstr(line, "::") || strstr(line, "ipv6") || strstr(line, "icmp6") || strstr(line, "inet6")
		   ? FAMILY_IPV6
		   : FAMILY_IPV4;
}

bool prefix_read(enum family family, const char *word, struct pool_prefix *prefix)
{
	const char *slash = strchr(word, '/');
	size_t size = slash ? (size_t)(slash - word) : strcspn(word, ",");
	unsigned long length = slash ? strtoul(slash + 1, NULL, 10) : family_bits(family);
	address value;

	if (slash && strpbrk(slash + 1, ".:"))
		return false;
	if (address_parse(family, (struct text){word, size}, &value) || length > family_bits(family))
		return false;
	prefix->mask = prefix_mask(family, (unsigned)length);
	prefix->value = value & prefix->mask;
	return true;
}

void prefix_write(enum family family, const struct pool_prefix *prefix, struct buffer *out)
{
	address_print(family, prefix->value, out);
	buffer_printf(out, "/%d", mask_length(family, prefix->mask));
}

static bool in_builtin_chain(const char *line)
{
	static const char *const names[] = {"PREROUTING ", "INPUT ", "FORWARD ", "OUTPUT ", "POSTROUTING "};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strncmp(line + 3, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

/* Most packets meet the first rules of built-in chains: these are changed more often. */
size_t draw_rule(const struct lines *lines, struct random *random)
{
	bool builtin = random_percent(random, 60), early = random_percent(random, 50);
	size_t found = SIZE_MAX;
	uint32_t seen = 0;

	for (size_t i = 0; i < lines->count; i++) {
		if (!is_rule(lines->items[i]) || (builtin && !in_builtin_chain(lines->items[i])))
			continue;
		if (random_below(random, early && seen ? 8 * ++seen : ++seen) == 0)
			found = i;
	}
	return found != SIZE_MAX || !builtin ? found : draw_rule(lines, random);
}

/* A rule at random that has one of these words, with the place of the one drawn. */
static size_t draw_word(struct side *side, const char *const *wanted, size_t count, struct random *random,
			struct words *words, size_t *place)
{
	size_t found = SIZE_MAX;
	uint32_t seen = 0;
	struct words own;

	for (size_t i = 0; i < side->tables.count; i++) {
		if (!is_rule(side->tables.items[i]) || !line_words(&own, side->tables.items[i]))
			continue;
		for (size_t w = 2; w + 1 < own.count; w++)
			for (size_t k = 0; k < count; k++)
				if (strcmp(own.items[w], wanted[k]) == 0 &&
				    random_below(random, ++seen) == 0) {
					found = i;
					*place = w;
				}
	}
	return found != SIZE_MAX && line_words(words, side->tables.items[found]) ? found : SIZE_MAX;
}

static bool put_back(struct side *side, size_t line, const struct words *words)
{
	char text[LINE_MAX_SIZE];

	if (!words_join(words, text) || strcmp(text, side->tables.items[line]) == 0)
		return false;
	lines_set(&side->tables, line, text);
	return true;
}

static bool change_prefix(struct side *side, struct random *random, bool length)
{
	static const char *const options[] = {"-s", "-d"};
	struct words words;
	struct pool_prefix prefix;
	struct buffer text = {0};
	size_t place, line = draw_word(side, options, 2, random, &words, &place);

	if (line == SIZE_MAX)
		return false;
	enum family family = strchr(words.items[place + 1], ':') ? FAMILY_IPV6 : FAMILY_IPV4;
	if (!prefix_read(family, words.items[place + 1], &prefix))
		return false;
	unsigned bits = family_bits(family), own = (unsigned)mask_length(family, prefix.mask);
	if (length) {
		unsigned step = 1 + random_below(random, 3);

		own = random_percent(random, 50) ? own - (own > step ? step : own)
						 : (own + step > bits ? bits : own + step);
		prefix.mask = prefix_mask(family, own);
		if (random_percent(random, 50))
			prefix.value ^= (address)random_next(random);
		prefix.value &= prefix.mask;
	} else {
		if (!own)
			return false;
		prefix.value ^= (address)1 << (bits - 1 - random_below(random, own));
	}
	prefix_write(family, &prefix, &text);
	words.items[place + 1] = text.data;
	bool done = put_back(side, line, &words);
	buffer_fini(&text);
	return done;
}

static bool change_address(struct side *side, struct random *random)
{
	return change_prefix(side, random, false);
}

static bool change_length(struct side *side, struct random *random)
{
	return change_prefix(side, random, true);
}

/* One of the numbers of a word, by one or to another. */
static bool change_digits(const char *word, uint64_t most, struct random *random, struct buffer *out)
{
	size_t from = SIZE_MAX;
	uint32_t seen = 0;

	for (size_t i = 0; word[i]; i++)
		if (isdigit((unsigned char)word[i]) && (i == 0 || !isalnum((unsigned char)word[i - 1])) &&
		    random_below(random, ++seen) == 0)
			from = i;
	if (from == SIZE_MAX)
		return false;
	char *end;
	uint64_t value = strtoull(word + from, &end, 0);
	switch (random_below(random, 4)) {
	case 0:
		value = value ? value - 1 : 1;
		break;
	case 1:
		value = value < most ? value + 1 : most;
		break;
	case 2:
		value ^= (uint64_t)1 << random_below(random, most > 255 ? 16 : 8);
		break;
	default:
		value = random_next(random) % (most + 1);
	}
	buffer_add(out, word, from);
	buffer_printf(out, "%llu%s", (unsigned long long)value, end);
	return !out->failed;
}

static bool change_number(struct side *side, const char *const *options, size_t count, uint64_t most,
			  struct random *random)
{
	struct words words;
	struct buffer text = {0};
	size_t place, line = draw_word(side, options, count, random, &words, &place);

	if (line == SIZE_MAX)
		return false;
	bool done = change_digits(words.items[place + 1], most, random, &text);
	if (done) {
		words.items[place + 1] = text.data;
		done = put_back(side, line, &words);
	}
	buffer_fini(&text);
	return done;
}

static bool change_port(struct side *side, struct random *random)
{
	static const char *const options[] = {"--dport", "--sport",          "--dports",  "--sports",
					      "--ports", "--to-destination", "--to-ports"};

	return change_number(side, options, sizeof(options) / sizeof(*options), 65535, random);
}

static bool change_type(struct side *side, struct random *random)
{
	static const char *const options[] = {"--icmp-type", "--icmpv6-type"};

	return change_number(side, options, 2, 255, random);
}

/* Whatever number stands behind an option: rates, marks, probabilities, TTLs ... */
static bool change_option(struct side *side, struct random *random)
{
	struct words words;
	struct buffer text = {0};
	size_t line = draw_rule(&side->tables, random), place = SIZE_MAX;
	uint32_t seen = 0;

	if (line == SIZE_MAX || !line_words(&words, side->tables.items[line]))
		return false;
	for (size_t i = 2; i + 1 < words.count; i++)
		if (strncmp(words.items[i], "--", 2) == 0 && strpbrk(words.items[i + 1], "0123456789") &&
		    random_below(random, ++seen) == 0)
			place = i + 1;
	bool done = place != SIZE_MAX && change_digits(words.items[place], 255, random, &text);
	if (done) {
		words.items[place] = text.data;
		done = put_back(side, line, &words);
	}
	buffer_fini(&text);
	return done;
}

static bool change_protocol(struct side *side, struct random *random)
{
	static const char *const option[] = {"-p"}, *const names[] = {"tcp", "udp", "udplite", "sctp", "47"};
	struct words words;
	size_t place, line = draw_word(side, option, 1, random, &words, &place);

	if (line == SIZE_MAX)
		return false;
	char *old = words.items[place + 1], *fresh = (char *)names[random_below(random, 5)];
	for (size_t i = 2; i < words.count; i++)
		if (strcmp(words.items[i], old) == 0)
			words.items[i] = fresh;
	return put_back(side, line, &words);
}

static bool change_negation(struct side *side, struct random *random)
{
	struct words words;
	size_t line = draw_rule(&side->tables, random), place = SIZE_MAX;
	uint32_t seen = 0;

	if (line == SIZE_MAX || !line_words(&words, side->tables.items[line]))
		return false;
	for (size_t i = 2; i < words.count; i++) {
		const char *word = words.items[i];
		if (word[0] == '-' && strcmp(word, "-m") && strcmp(word, "-j") && strcmp(word, "-g") &&
		    random_below(random, ++seen) == 0)
			place = i;
	}
	if (place == SIZE_MAX)
		return false;
	if (strcmp(words.items[place - 1], "!") == 0)
		words_remove(&words, place - 1);
	else if (!words_insert(&words, place, "!"))
		return false;
	return put_back(side, line, &words);
}

static bool change_target(struct side *side, struct random *random)
{
	static const char *const names[] = {"DROP", "ACCEPT", "RETURN", "REJECT", "LOG"};
	struct words words;
	size_t line = draw_rule(&side->tables, random);

	if (line == SIZE_MAX || !line_words(&words, side->tables.items[line]))
		return false;
	size_t place = words_find(&words, "-j");
	if (place == words.count)
		place = words_find(&words, "-g");
	words.count = place;
	if (random_percent(random, 90) &&
	    (!words_insert(&words, words.count, "-j") ||
	     !words_insert(&words, words.count, names[random_below(random, 5)])))
		return false;
	return put_back(side, line, &words);
}

static bool change_goto(struct side *side, struct random *random)
{
	static const char *const options[] = {"-j", "-g"};
	struct words words;
	size_t place, line = draw_word(side, options, 2, random, &words, &place);

	if (line == SIZE_MAX)
		return false;
	words.items[place] = strcmp(words.items[place], "-j") == 0 ? "-g" : "-j";
	return put_back(side, line, &words);
}

static bool change_interface(struct side *side, struct random *random)
{
	static const char *const options[] = {"-i", "-o"}, *const names[] = {TEST_INTERFACE, "par+", "eth9",
									     "lo", "parother"};
	struct words words;
	size_t place, line = draw_word(side, options, 2, random, &words, &place);

	if (line == SIZE_MAX)
		return false;
	words.items[place + 1] = (char *)names[random_below(random, 5)];
	return put_back(side, line, &words);
}

static bool change_states(struct side *side, struct random *random)
{
	static const char *const options[] = {"--ctstate", "--state"},
				 *const states[] = {"NEW",       "ESTABLISHED",         "INVALID",
						    "UNTRACKED", "RELATED,ESTABLISHED", "NEW,UNTRACKED"};
	struct words words;
	size_t place, line = draw_word(side, options, 2, random, &words, &place);

	if (line == SIZE_MAX)
		return false;
	words.items[place + 1] = (char *)states[random_below(random, 6)];
	return put_back(side, line, &words);
}

static bool delete_rule(struct side *side, struct random *random)
{
	size_t line = draw_rule(&side->tables, random);

	if (line == SIZE_MAX)
		return false;
	lines_remove(&side->tables, line);
	return true;
}

/* Where a line may stand so that it stays in its table: between two lines of rules of one chain, or beside.
 */
static size_t draw_neighbour(const struct side *side, size_t line, struct random *random)
{
	const struct lines *lines = &side->tables;
	size_t low = line, high = line;

	while (low > 0 && is_rule(lines->items[low - 1]))
		low--;
	while (high + 1 < lines->count && is_rule(lines->items[high + 1]))
		high++;
	if (random_percent(random, 60)) { /* near */
		low = line > low + 3 ? line - 3 : low;
		high = line + 3 < high ? line + 3 : high;
	}
	return low + random_below(random, (uint32_t)(high - low + 1));
}

static bool duplicate_rule(struct side *side, struct random *random)
{
	size_t line = draw_rule(&side->tables, random);

	if (line == SIZE_MAX)
		return false;
	lines_add(&side->tables, draw_neighbour(side, line, random), side->tables.items[line]);
	return true;
}

static bool swap_rules(struct side *side, struct random *random)
{
	size_t line = draw_rule(&side->tables, random);

	if (line == SIZE_MAX)
		return false;
	size_t other = draw_neighbour(side, line, random);
	char *own = side->tables.items[line];
	side->tables.items[line] = side->tables.items[other];
	side->tables.items[other] = own;
	return line != other;
}

static bool move_rule(struct side *side, struct random *random)
{
	size_t line = draw_rule(&side->tables, random);

	if (line == SIZE_MAX)
		return false;
	size_t to = draw_neighbour(side, line, random);
	char *own = strdup(side->tables.items[line]);
	if (!own || to == line) {
		free(own);
		return false;
	}
	lines_remove(&side->tables, line);
	lines_add(&side->tables, to, own);
	free(own);
	return true;
}

/* Into another chain of its table. */
static bool rehome_rule(struct side *side, struct random *random)
{
	struct words words, other;
	size_t line = draw_rule(&side->tables, random);

	if (line == SIZE_MAX)
		return false;
	size_t home = draw_neighbour(side, line, random);
	if (!line_words(&words, side->tables.items[line]) || !line_words(&other, side->tables.items[home]))
		return false;
	words.items[1] = other.items[1];
	return put_back(side, line, &words);
}

static bool change_policy(struct side *side, struct random *random)
{
	size_t found = SIZE_MAX;
	uint32_t seen = 0;
	char text[LINE_MAX_SIZE];

	for (size_t i = 0; i < side->tables.count; i++)
		if (side->tables.items[i][0] == ':' &&
		    (strstr(side->tables.items[i], " ACCEPT ") || strstr(side->tables.items[i], " DROP ")) &&
		    random_below(random, ++seen) == 0)
			found = i;
	if (found == SIZE_MAX)
		return false;
	struct words words;
	if (!line_words(&words, side->tables.items[found]) || words.count < 2)
		return false;
	words.items[1] = strcmp(words.items[1], "ACCEPT") == 0 ? "DROP" : "ACCEPT";
	if (!words_join(&words, text))
		return false;
	lines_set(&side->tables, found, text);
	return true;
}

static size_t draw_member(const struct lines *sets, struct random *random)
{
	size_t found = SIZE_MAX;
	uint32_t seen = 0;

	for (size_t i = 0; i < sets->count; i++)
		if (strncmp(sets->items[i], "add ", 4) == 0 && random_below(random, ++seen) == 0)
			found = i;
	return found;
}

/* Gone, another address, port or length, or no match. */
static bool change_member(struct side *side, struct random *random)
{
	struct words words;
	struct buffer text = {0};
	struct pool_prefix prefix;
	char line[LINE_MAX_SIZE];
	size_t found = draw_member(&side->sets, random);

	if (found == SIZE_MAX || !line_words(&words, side->sets.items[found]) || words.count < 3)
		return false;
	char *member = words.items[2], *comma = strchr(member, ',');
	enum family family =
	    strchr(member, ':') && (!comma || strchr(member, ':') < comma) ? FAMILY_IPV6 : FAMILY_IPV4;
	switch (random_below(random, 5)) {
	case 0:
		lines_remove(&side->sets, found);
		return true;
	case 1:
		if (strcmp(words.items[words.count - 1], "nomatch") == 0)
			words.count--;
		else if (!words_insert(&words, words.count, "nomatch"))
			return false;
		break;
	case 2:
		if (!comma)
			return false;
		buffer_add(&text, member, (size_t)(comma - member));
		if (!change_digits(comma, 65535, random, &text)) {
			buffer_fini(&text);
			return false;
		}
		words.items[2] = text.data;
		break;
	default:
		if (!prefix_read(family, member, &prefix))
			return false;
		unsigned own = (unsigned)mask_length(family, prefix.mask), bits = family_bits(family);
		if (!own)
			return false;
		prefix.value ^= (address)1 << (bits - own + random_below(random, own < 8 ? own : 8));
		prefix.value &= prefix.mask;
		address_print(family, prefix.value, &text);
		if (own < bits)
			buffer_printf(&text, "/%u", own);
		if (comma)
			buffer_puts(&text, comma);
		words.items[2] = text.data;
	}
	bool done = words_join(&words, line) && strcmp(line, side->sets.items[found]) != 0;
	if (done)
		lines_set(&side->sets, found, line);
	buffer_fini(&text);
	return done;
}

const struct mutation slips[] = {
    {"address bit", change_address},
    {"prefix length", change_length},
    {"port", change_port},
    {"ICMP type", change_type},
    {"option's number", change_option},
    {"protocol", change_protocol},
    {"negation", change_negation},
    {"negation", change_negation},
    {"target", change_target},
    {"jump or goto", change_goto},
    {"interface", change_interface},
    {"state", change_states},
    {"rule deleted", delete_rule},
    {"rule deleted", delete_rule},
    {"rule repeated", duplicate_rule},
    {"rules swapped", swap_rules},
    {"rules swapped", swap_rules},
    {"rule moved", move_rule},
    {"rule in another chain", rehome_rule},
    {"policy", change_policy},
    {"member of a set", change_member},
    {"member of a set", change_member},
};
const size_t slip_count = sizeof(slips) / sizeof(*slips);
