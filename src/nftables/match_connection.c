/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Matches of what conntrack knows of a packet's connection. A packet without one is matched by none of
 * nftables' but `ct state`, inverted or not: nft_ct_get_eval() ends the rule there. So do x_tables', but for
 * -m conntrack, which asks such a packet for its state alone, and for no other option. */
#include "nftables/private.h"

#include <inttypes.h>
#include <string.h>

/* Of -m state, -m conntrack; the virtual ones are bits of the connection's status. */
enum {
	STATE_BIT_NEW = 1 << 0,
	STATE_BIT_ESTABLISHED = 1 << 1,
	STATE_BIT_RELATED = 1 << 2,
	STATE_BIT_INVALID = 1 << 3,
	STATE_BIT_UNTRACKED = 1 << 4,
	STATES_ALL = (1 << 5) - 1,
	STATES_WITHOUT_CONNECTION = STATE_BIT_INVALID | STATE_BIT_UNTRACKED,
	STATE_BIT_SNAT = 1 << 5,
	STATE_BIT_DNAT = 1 << 6,
};

static const char *const states[][2] = {
    {"NEW", "new"},         {"ESTABLISHED", "established"}, {"RELATED", "related"},
    {"INVALID", "invalid"}, {"UNTRACKED", "untracked"},     {"SNAT", "snat"},
    {"DNAT", "dnat"}};
#define STATE_NAMES (sizeof(states) / sizeof(*states))
#define STATES_REAL 5

/* 0: not a list of them. */
static unsigned read_names(const char *text, const char *const names[][2], size_t count)
{
	unsigned bits = 0;

	for (const char *at = text; *at;) {
		size_t size = strcspn(at, ","), i = 0;
		while (i < count && (size != strlen(names[i][0]) || strncmp(at, names[i][0], size) != 0))
			i++;
		if (i == count)
			return 0;
		bits |= 1u << i;
		at += size + (at[size] == ',');
	}
	return bits;
}

/* The state of a packet is one of them, so that a set of them says it, and its inversion. */
static void ask_states(struct nft_asked *asked, unsigned bits, bool inverted)
{
	struct buffer *value = nft_ask(asked, "ct state%s", inverted ? " !=" : "");
	const char *separator = "{ ";

	for (size_t i = 0; value && i < STATES_REAL; i++)
		if (bits >> i & 1) {
			buffer_printf(value, "%s%s", separator, states[i][1]);
			separator = ", ";
		}
	if (value)
		buffer_puts(value, " }");
}

bool nft_match_state(struct nft_asked *asked)
{
	if (!nft_word_is(asked->words, "--state") || !nft_word(asked->words))
		return false;
	unsigned bits = read_names(asked->words->word.data, states, STATES_REAL);
	if (bits)
		ask_states(asked, bits, asked->inverted);
	return bits != 0;
}

/* --- -m conntrack
 * -------------------------------------------------------------------------------------------------------------------
 */

static bool ask_ports(struct nft_asked *asked, const char *key)
{
	uint64_t low, high;
	const char *end;

	if (!nft_number(asked->words->word.data, UINT16_MAX, &low, &end))
		return false;
	high = low;
	if (*end == ':' ? !nft_number(end + 1, UINT16_MAX, &high, NULL) || low > high : *end)
		return false;
	if (low == 0 && high == UINT16_MAX)
		return false;
	struct buffer *value = nft_ask(asked, "ct %s%s", key, nft_not(asked));
	if (value)
		buffer_printf(value, "%" PRIu64, low);
	if (value && high != low)
		buffer_printf(value, "-%" PRIu64, high);
	return true;
}

/* "192.0.2.1", "192.0.2.0/24", "192.0.2.0/255.0.255.0": nft(8) takes only what has a length. */
static bool ask_address(struct nft_asked *asked, const char *direction, const char *side)
{
	enum family family = asked->rule->chain->table->family;
	const char *text = asked->words->word.data;
	size_t size = strcspn(text, "/");
	uint64_t length;
	address value;

	if (address_parse(family, (struct text){text, size}, &value) ||
	    (text[size] && (!nft_number(text + size + 1, family_bits(family), &length, NULL) || !length)))
		return false;
	struct buffer *to =
	    nft_ask(asked, "ct %s %s %s%s", direction, nft_header(family), side, nft_not(asked));
	if (to)
		buffer_puts(to, text);
	return true;
}

static bool ask_status(struct nft_asked *asked)
{
	static const char *const names[][2] = {{"EXPECTED", "expected"},
					       {"SEEN_REPLY", "seen-reply"},
					       {"ASSURED", "assured"},
					       {"CONFIRMED", "confirmed"}};
	unsigned bits = read_names(asked->words->word.data, names, 4);

	if (bits)
		nft_ask(asked, "ct status & 0x%x %s 0", bits, asked->inverted ? "==" : "!=");
	return bits != 0;
}

/* Any option but --ctstate. Ports have no meaning to nft(8) unless it knows of which protocol. */
static bool conntrack_option(struct nft_asked *asked, bool *has_protocol)
{
	static const struct {
		const char *option, *direction, *side;
	} sides[] = {{"--ctorigsrc", "original", "saddr"},
		     {"--ctorigdst", "original", "daddr"},
		     {"--ctreplsrc", "reply", "saddr"},
		     {"--ctrepldst", "reply", "daddr"}};
	static const char *const ports[][2] = {{"--ctorigsrcport", "original proto-src"},
					       {"--ctorigdstport", "original proto-dst"},
					       {"--ctreplsrcport", "reply proto-src"},
					       {"--ctrepldstport", "reply proto-dst"}};
	char option[24] = "";

	if (asked->words->word.size >= sizeof(option))
		return false;
	memcpy(option, asked->words->word.data, asked->words->word.size + 1);
	if (!nft_word(asked->words))
		return false;
	for (size_t i = 0; i < 4; i++) {
		if (strcmp(option, sides[i].option) == 0)
			return ask_address(asked, sides[i].direction, sides[i].side);
		if (strcmp(option, ports[i][0]) == 0)
			return *has_protocol && ask_ports(asked, ports[i][1]);
	}
	if (strcmp(option, "--ctproto") == 0) {
		uint64_t protocol;
		if (!nft_number(asked->words->word.data, UINT8_MAX, &protocol, NULL))
			return false;
		struct buffer *value = nft_ask(asked, "ct protocol%s", nft_not(asked));
		if (value)
			nft_protocol((uint8_t)protocol, value);
		*has_protocol |= !asked->inverted;
		return true;
	}
	if (strcmp(option, "--ctstatus") == 0)
		return ask_status(asked);
	if (strcmp(option, "--ctdir") == 0) {
		nft_ask(asked, "ct direction %s", nft_word_is(asked->words, "REPLY") ? "reply" : "original");
		return true;
	}
	return false;
}

/* Alone. A packet has one of the states, or a connection that was translated so. */
static bool ask_virtual(struct nft_asked *asked, unsigned bits)
{
	unsigned real = bits & STATES_ALL;
	const char *translated =
	    bits & STATE_BIT_SNAT ? (bits & STATE_BIT_DNAT ? "snat,dnat" : "snat") : "dnat";
	bool second = asked->nft->variant;

	if (!asked->inverted) {
		if (real && !nft_variants(asked, 2))
			return false;
		if (real)
			ask_states(asked, real, second);
		if (second || !real)
			nft_ask(asked, "ct status %s", translated);
		return true;
	}
	unsigned with = STATES_ALL & ~STATES_WITHOUT_CONNECTION & ~real,
		 without = STATES_WITHOUT_CONNECTION & ~real;
	if (!nft_variants(asked, 2))
		return false;
	asked->to->absent |= !(second ? with : without);
	if (!asked->to->absent)
		ask_states(asked, second ? with : without, false);
	if (second)
		nft_ask(asked, "ct status & 0x%x == 0",
			(bits & STATE_BIT_SNAT ? 0x10u : 0) | (bits & STATE_BIT_DNAT ? 0x20u : 0));
	return true;
}

/* The first word is the first option, read already. */
bool nft_match_conntrack(struct nft_asked *asked)
{
	bool has_protocol = asked->rule->protocol && !asked->rule->protocol_inverted,
	     second = asked->nft->variant;

	if (!nft_word_is(asked->words, "--ctstate"))
		goto options;
	if (!nft_word(asked->words))
		return false;
	unsigned bits = read_names(asked->words->word.data, states, STATE_NAMES);
	bool inverted = asked->inverted, alone = asked->words->at >= asked->words->text.size;
	if (!bits)
		return false;
	if (bits & ~(unsigned)STATES_ALL)
		return alone && ask_virtual(asked, bits);
	if (alone) {
		ask_states(asked, bits, inverted);
		return true;
	}
	if (inverted)
		bits = STATES_ALL & ~bits;
	unsigned without = bits & STATES_WITHOUT_CONNECTION,
		 with = bits & ~(unsigned)STATES_WITHOUT_CONNECTION;
	if (without && with && !nft_variants(asked, 2))
		return false;
	if (without && !second) {
		ask_states(asked, without, false);
		while (nft_word(asked->words))
			;
		return true;
	}
	ask_states(asked, with, false);
	asked->to->absent |= !with;
	if (!nft_word(asked->words))
		return false;
	asked->inverted = nft_word_is(asked->words, "!");
	if (asked->inverted && !nft_word(asked->words))
		return false;
options:
	/* Which of them is of which match is not told when it is listed. */
	if (asked->to->connection)
		return false;
	asked->to->connection = true;
	do {
		if (!conntrack_option(asked, &has_protocol))
			return false;
		if (!nft_word(asked->words))
			return true;
		asked->inverted = nft_word_is(asked->words, "!");
	} while (!asked->inverted || nft_word(asked->words));
	return false;
}

/* --- others
 * -------------------------------------------------------------------------------------------------------------------
 */

/* xt_helper takes any beginning of the name, too: the only one that helpers have had is that before a port.
 */
bool nft_match_helper(struct nft_asked *asked)
{
	const struct buffer *word = &asked->words->word;

	if (asked->inverted || !nft_word_is(asked->words, "--helper") || !nft_word(asked->words) ||
	    !word->size || word->size > 15 ||
	    strspn(word->data, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-_") != word->size)
		return false;
	nft_ask(asked, "ct helper \"%s\"", word->data);
	return true;
}

/* Of a connection that is not counted xt_connbytes says nothing, and nftables 0: the range may not hold it.
 * The first word is the option. */
bool nft_match_connbytes(struct nft_asked *asked)
{
	static const char *const modes[][2] = {
	    {"packets", "packets"}, {"bytes", "bytes"}, {"avgpkt", "avgpkt"}};
	static const char *const directions[][2] = {
	    {"original", " original"}, {"reply", " reply"}, {"both", ""}};
	uint64_t low, high = UINT64_MAX;
	size_t mode = 0, direction = 0;
	const char *end;

	if (!nft_word_is(asked->words, "--connbytes") || !nft_word(asked->words) ||
	    !nft_number(asked->words->word.data, UINT64_MAX - 1, &low, &end) ||
	    (*end == ':' ? !nft_number(end + 1, UINT64_MAX - 1, &high, NULL) || low > high : *end) ||
	    (low == 0) != asked->inverted)
		return false;
	if (!nft_word(asked->words) || !nft_word_is(asked->words, "--connbytes-mode") ||
	    !nft_word(asked->words))
		return false;
	while (mode < 3 && !nft_word_is(asked->words, modes[mode][0]))
		mode++;
	if (!nft_word(asked->words) || !nft_word_is(asked->words, "--connbytes-dir") ||
	    !nft_word(asked->words))
		return false;
	while (direction < 3 && !nft_word_is(asked->words, directions[direction][0]))
		direction++;
	if (mode == 3 || direction == 3 || nft_word(asked->words) || (asked->inverted && high == UINT64_MAX))
		return false;
	struct buffer *value = nft_ask(asked, "ct%s %s", directions[direction][1], modes[mode][1]);
	if (!value)
		return true;
	if (asked->inverted) /* 0 up to high */
		buffer_printf(value, "> %" PRIu64, high);
	else if (high == UINT64_MAX)
		buffer_printf(value, ">= %" PRIu64, low);
	else if (high == low)
		buffer_printf(value, "%" PRIu64, low);
	else
		buffer_printf(value, "%" PRIu64 "-%" PRIu64, low, high);
	return true;
}
