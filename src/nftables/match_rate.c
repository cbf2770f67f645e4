/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Matches that count. nftables' clock is in nanoseconds, that of x_tables ticks: what is let through in a
 * second is the same, but for a tick's worth. */
#include "extension/hashlimit.h"
#include "nftables/private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_BURST 5
#define LIMIT_SCALE 10000u /* XT_LIMIT_SCALE */
#define CLOCK_SLOWEST 100u /* ticks a second */

static const struct unit {
	const char *unit, *name;
	unsigned seconds;
} units[] = {{"/sec", "second", 1}, {"/min", "minute", 60}, {"/hour", "hour", 3600}, {"/day", "day", 86400}};
#define UNITS (sizeof(units) / sizeof(*units))

/* "10/sec". */
static bool read_rate(const char *text, uint64_t *rate, const struct unit **unit)
{
	const char *end;

	if (!nft_number(text, UINT32_MAX, rate, &end) || !*rate)
		return false;
	for (size_t i = 0; i < UNITS; i++)
		if (strcmp(end, units[i].unit) == 0) {
			*unit = &units[i];
			return true;
		}
	return false;
}

/* What a packet costs is a whole number of credits (user2credits() of net/netfilter/xt_limit.c), with each of
 * the clocks that kernels are made with; a tick fills up no more than the bucket holds. */
static bool limit_exact(uint64_t rate, unsigned seconds, uint64_t burst)
{
	static const unsigned clocks[][2] = {{100, 256}, {250, 128}, {300, 128}, {1000, 32}};
	uint64_t cost = (uint64_t)LIMIT_SCALE * seconds;

	if (cost % rate || rate > (uint64_t)CLOCK_SLOWEST * seconds * burst)
		return false;
	cost /= rate;
	for (size_t i = 0; i < sizeof(clocks) / sizeof(*clocks); i++) {
		uint64_t credits = (uint64_t)clocks[i][0] * clocks[i][1];
		if (cost > UINT32_MAX / credits ? cost % LIMIT_SCALE != 0 : cost * credits % LIMIT_SCALE != 0)
			return false;
	}
	return true;
}

static void print_limit(struct nft_asked *asked, unsigned long rate, const char *unit, unsigned long burst)
{
	struct nft *nft = asked->nft;
	const struct chain *chain = asked->rule->chain;
	const char *table = table_names[chain->table->id];
	long number = (long)(asked->match - asked->rule->matches);

	if (chain->table->family == FAMILY_IPV4) {
		nft_part(nft, asked->rule, asked->to, "limit rate %lu/%s burst %lu packets", rate, unit,
			 burst);
		return;
	}
	nft_part(nft, asked->rule, asked->to, "limit name \"limit-%s-%.*s-%u-%ld\"", table,
		 (int)chain->name.size, chain->name.data, asked->rule->number, number);
	if (!nft->later)
		buffer_printf(&nft->objects,
			      "\tlimit limit-%s-%.*s-%u-%ld {\n\t\trate %lu/%s burst %lu packets\n\t}\n",
			      table, (int)chain->name.size, chain->name.data, asked->rule->number, number,
			      rate, unit, burst);
}

/* The same bucket, but that nftables' clock is finer. */
bool nft_match_limit(struct nft_asked *asked)
{
	uint64_t rate, burst = LIMIT_BURST;
	const struct unit *unit;

	if (asked->inverted || !nft_word_is(asked->words, "--limit") || !nft_word(asked->words) ||
	    !read_rate(asked->words->word.data, &rate, &unit))
		return false;
	if (nft_word(asked->words) &&
	    (!nft_word_is(asked->words, "--limit-burst") || !nft_word(asked->words) ||
	     !nft_number(asked->words->word.data, UINT16_MAX, &burst, NULL) || !burst))
		return false;
	if (!limit_exact(rate, unit->seconds, burst))
		return false;
	print_limit(asked, (unsigned long)rate, unit->name, (unsigned long)burst);
	asked->to->stateful = true;
	return true;
}

#define CERTAIN 2147483648.0 /* of get_random_u32() & INT32_MAX, below which xt_statistic matches */

/* Each of them begins with the first packet: nft_ng_inc_gen() counts from the last of a round. */
static bool statistic_nth(struct nft_asked *asked)
{
	uint64_t every, packet = 0;

	asked->inverted = nft_word_is(asked->words, "!");
	if ((asked->inverted && !nft_word(asked->words)) || !nft_word_is(asked->words, "--every") ||
	    !nft_word(asked->words) || !nft_number(asked->words->word.data, INT32_MAX, &every, NULL) ||
	    !every || !nft_word(asked->words) || !nft_word_is(asked->words, "--packet") ||
	    !nft_word(asked->words) || !nft_number(asked->words->word.data, every - 1, &packet, NULL))
		return false;
	nft_ask(asked, "numgen inc mod %" PRIu64 "%s %" PRIu64, every, nft_not(asked), packet);
	asked->to->single = true;
	return true;
}

/* What iptables-save prints has more digits than the kernel's number. */
static bool statistic_random(struct nft_asked *asked)
{
	char *end;

	asked->inverted = nft_word_is(asked->words, "!");
	if ((asked->inverted && !nft_word(asked->words)) || !nft_word_is(asked->words, "--probability") ||
	    !nft_word(asked->words))
		return false;
	double number = strtod(asked->words->word.data, &end) * CERTAIN + 0.5;
	if (*end || !(number >= 1 && number < CERTAIN))
		return false;
	nft_ask(asked, "numgen random mod 2147483648 %s %u", asked->inverted ? ">=" : "<", (unsigned)number);
	return true;
}

bool nft_match_statistic(struct nft_asked *asked)
{
	if (!nft_word_is(asked->words, "--mode") || !nft_word(asked->words))
		return false;
	bool nth = nft_word_is(asked->words, "nth");
	if (!nft_word(asked->words))
		return false;
	asked->to->stateful = true;
	return nth ? statistic_nth(asked) : statistic_random(asked);
}

/* --- A limit for each address: elements of a set, each with a limit of its own
 * -------------------------------------------------------------------------------------------------------------------
 */

#define HASHLIMIT_MAX 65536u /* of xt_hashlimit, with a gigabyte of memory and more */

struct hashlimit_words {
	uint64_t rate, burst, expire, max, prefixes[2]; /* prefixes: source, destination */
	const struct unit *unit;
	bool above, sides[2];
	char name[256];
};

static bool hashlimit_option(struct nft_asked *asked, struct hashlimit_words *words)
{
	static const char *const numbers[] = {"--hashlimit-burst", "--hashlimit-htable-expire",
					      "--hashlimit-htable-max", "--hashlimit-srcmask",
					      "--hashlimit-dstmask"};
	uint64_t *const values[] = {&words->burst, &words->expire, &words->max, &words->prefixes[0],
				    &words->prefixes[1]};
	const struct buffer *word = &asked->words->word;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (nft_word_is(asked->words, numbers[i]))
			return nft_word(asked->words) && nft_number(word->data, UINT32_MAX, values[i], NULL);
	if (nft_word_is(asked->words, "--hashlimit-mode")) {
		if (!nft_word(asked->words))
			return false;
		words->sides[0] = strcmp(word->data, "dstip") != 0;
		words->sides[1] = strcmp(word->data, "srcip") != 0;
		return nft_word_is(asked->words, "srcip") || nft_word_is(asked->words, "dstip") ||
		       nft_word_is(asked->words, "srcip,dstip");
	}
	if (!nft_word_is(asked->words, "--hashlimit-name") || !nft_word(asked->words) ||
	    word->size >= sizeof(words->name) || !nft_name_good(text_of(word->data)))
		return false;
	memcpy(words->name, word->data, word->size + 1);
	return true;
}

/* What a packet costs is a whole number, and a tick fills up no more than the bucket holds. */
static bool hashlimit_exact(const struct hashlimit_words *words)
{
	return (uint64_t)HASHLIMIT_SCALE * words->unit->seconds % words->rate == 0 &&
	       words->rate <= (uint64_t)CLOCK_SLOWEST * words->unit->seconds * words->burst;
}

/* A time that is not whole seconds nft(8) lists rounded, and it would not be what it was when that is loaded.
 */
static bool hashlimit_read(struct nft_asked *asked, struct hashlimit_words *words)
{
	unsigned bits = family_bits(asked->rule->chain->table->family);

	words->above = nft_word_is(asked->words, "--hashlimit-above");
	words->prefixes[0] = words->prefixes[1] = bits;
	words->max = HASHLIMIT_MAX;
	if ((!words->above && !nft_word_is(asked->words, "--hashlimit-upto")) || !nft_word(asked->words) ||
	    !read_rate(asked->words->word.data, &words->rate, &words->unit))
		return false;
	words->expire = (uint64_t)words->unit->seconds * 1000;
	while (nft_word(asked->words))
		if (!hashlimit_option(asked, words))
			return false;
	for (unsigned i = 0; i < 2; i++)
		if (words->sides[i] ? !words->prefixes[i] || words->prefixes[i] > bits
				    : words->prefixes[i] != bits)
			return false;
	return words->name[0] && words->burst && words->max && words->expire && words->expire % 1000 == 0 &&
	       (text_starts(text_of(words->name), POLICY_LIMIT_NAME) || hashlimit_exact(words));
}

/* Rules of one name share one table, with one way to count. */
static bool hashlimit_declare(struct nft_asked *asked, const struct hashlimit_words *words)
{
	struct buffer set = {0}, head = {0}, *objects = &asked->nft->objects;
	const char *type = asked->rule->chain->table->family == FAMILY_IPV4 ? "ipv4_addr" : "ipv6_addr";
	bool same = true;

	buffer_printf(&head, "\tset hashlimit-%s {\n", words->name);
	buffer_printf(&set,
		      "%s\t\t# %.*s\n\t\ttype %s%s%s\n\t\tsize %" PRIu64
		      "\n\t\tflags dynamic,timeout\n\t\ttimeout %" PRIu64 "ms\n\t}\n",
		      head.data ? head.data : "", (int)asked->words->text.size, asked->words->text.data, type,
		      words->sides[0] && words->sides[1] ? " . " : "",
		      words->sides[0] && words->sides[1] ? type : "", words->max, words->expire);
	if (set.failed || head.failed)
		asked->nft->failed = true;
	else if (objects->size && strstr(objects->data, head.data))
		same = strstr(objects->data, set.data);
	else
		buffer_add(objects, set.data, set.size);
	buffer_fini(&set);
	buffer_fini(&head);
	return same;
}

/* Without an address all packets share one element, whose key is one for all: the source, all of it masked.
 *
 * xt_hashlimit forgets an address that sent nothing for so long, and so does the set, which each packet
 * renews. What differs: when there are too many, xt_hashlimit drops the packet, and here the rule does not
 * match. */
bool nft_match_hashlimit(struct nft_asked *asked)
{
	static const char *const sides[] = {"saddr", "daddr"};
	enum family family = asked->rule->chain->table->family;
	struct hashlimit_words words = {0};

	if (!hashlimit_read(asked, &words) || !hashlimit_declare(asked, &words))
		return false;
	struct buffer *value = nft_ask(asked, "update @hashlimit-%s", words.name);
	if (!value)
		return true;
	buffer_puts(value, "{ ");
	if (!words.sides[0] && !words.sides[1]) {
		words.sides[0] = true;
		words.prefixes[0] = 0;
	}
	for (unsigned i = 0; i < 2; i++) {
		if (!words.sides[i])
			continue;
		buffer_printf(value, "%s%s %s", i && words.sides[0] ? " . " : "", nft_header(family),
			      sides[i]);
		if (words.prefixes[i] < family_bits(family)) {
			buffer_puts(value, " & ");
			address_print(family, prefix_mask(family, (unsigned)words.prefixes[i]), value);
		}
	}
	buffer_printf(value, " limit rate %s%" PRIu64 "/%s burst %" PRIu64 " packets }",
		      words.above ? "over " : "", words.rate, words.unit->name, words.burst);
	asked->to->stateful = true;
	return true;
}
