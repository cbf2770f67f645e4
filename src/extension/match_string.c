/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m string: bytes anywhere in the packet, from the IP header on: string_mt() in net/netfilter/xt_string.c,
 * skb_find_text() in net/core/skbuff.c, lib/ts_bm.c and lib/ts_kmp.c.
 *
 * The packet is taken to be one piece: where a driver hands it up in several, bm does not find what lies
 * across their borders. A text that begins before --to and ends behind it is found by kernels before 6.7
 * only: unknown. So is what fsm, a language of its own that iptables-save cannot explain, finds. */
#include "extension/header.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define PATTERN_MAX 128 /* XT_STRING_MAX_PATTERN_SIZE */

enum { STRING_FROM, STRING_TO, STRING_ALGORITHM, STRING_ICASE, STRING_TEXT, STRING_HEX, STRING_COUNT };

struct pattern {
	unsigned size;
	uint8_t bytes[PATTERN_MAX];
};

static int text_parse(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	struct pattern *pattern = arena_alloc(parser->ruleset->arena, sizeof(*pattern));

	if (!pattern)
		return -ENOMEM;
	if (!word->text.size || word->text.size > PATTERN_MAX)
		return guided_refuse(parser, word, "1 to 128 characters");
	memcpy(pattern->bytes, word->text.data, word->text.size);
	pattern->size = (unsigned)word->text.size;
	value->own = pattern;
	return 0;
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : isxdigit((unsigned char)c) ? (c | 32) - 'a' + 10 : -1;
}

/* What libxt_string's parse_hex_string() takes. Its corners: a "|" that ends a block is skipped together with
 * a second "|" behind it being taken as a character; blanks may follow the first "|" and each byte, one each;
 * a backslash outside of blocks takes the next character as it is. NULL, or what is wrong. */
static const char *hex_decode(struct text text, struct pattern *pattern)
{
	bool hex = false;
	size_t at = 0;

	while (at < text.size) {
		bool literal = false;
		if (pattern->size == PATTERN_MAX)
			return "1 to 128 bytes";
		if (text.data[at] == '\\') {
			if (hex)
				return "no backslash within |...|";
			literal = true;
		} else if (text.data[at] == '|') {
			hex = !hex;
			while (hex && at + 1 < text.size && text.data[at + 1] == ' ')
				at++;
			if (++at == text.size)
				break;
		}
		if (literal) {
			if (at + 1 == text.size)
				return "a character behind the backslash";
			pattern->bytes[pattern->size++] = (uint8_t)text.data[at + 1];
			at += 2;
		} else if (hex) {
			if (at + 2 >= text.size || digit(text.data[at]) < 0 || digit(text.data[at + 1]) < 0)
				return "pairs of hexadecimal digits within |...|";
			pattern->bytes[pattern->size++] =
			    (uint8_t)(digit(text.data[at]) << 4 | digit(text.data[at + 1]));
			at += text.data[at + 2] == ' ' ? 3 : 2;
		} else {
			pattern->bytes[pattern->size++] = (uint8_t)text.data[at++];
		}
	}
	return pattern->size ? NULL : "1 to 128 bytes";
}

static int hex_parse(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	struct pattern *pattern = arena_alloc(parser->ruleset->arena, sizeof(*pattern));

	if (!pattern)
		return -ENOMEM;
	value->own = pattern;
	const char *wrong = hex_decode(word->text, pattern);
	return wrong ? guided_refuse(parser, word, wrong) : 0;
}

static const struct guide guides[STRING_COUNT] = {
    [STRING_FROM] = {.name = "--from", .kind = GUIDE_NUMBER, .max = UINT16_MAX},
    [STRING_TO] = {.name = "--to", .kind = GUIDE_NUMBER, .max = UINT16_MAX},
    [STRING_ALGORITHM] = {.name = "--algo",
			  .kind = GUIDE_STRING,
			  .flags = GUIDE_MANDATORY,
			  .min = 1,
			  .max = 15,
			  .hint = "bm, kmp or fsm"},
    [STRING_ICASE] = {.name = "--icase", .kind = GUIDE_FLAG},
    [STRING_TEXT] = {.name = "--string",
		     .kind = GUIDE_OWN,
		     .flags = GUIDE_INVERTIBLE,
		     .parse = text_parse,
		     .excludes = 1 << STRING_HEX},
    [STRING_HEX] = {.name = "--hex-string",
		    .kind = GUIDE_OWN,
		    .flags = GUIDE_INVERTIBLE,
		    .parse = hex_parse,
		    .excludes = 1 << STRING_TEXT},
};

static unsigned given(const struct guided *string)
{
	return guided_seen(string, STRING_HEX) ? STRING_HEX : STRING_TEXT;
}

static unsigned to_offset(const struct guided *string)
{
	return guided_seen(string, STRING_TO) ? (unsigned)string->values[STRING_TO].number : UINT16_MAX;
}

static int string_parse(struct rule_parser *parser, struct match *match)
{
	return guided_parse(parser, &match->data, sizeof(struct guided), guides, STRING_COUNT);
}

/* fsm_init() in lib/ts_fsm.c: tokens of a type (16 bits, this host's order), a repetition and a value. */
static bool fsm_valid(const struct pattern *pattern)
{
	if (pattern->size % 4)
		return false;
	for (unsigned at = 0; at < pattern->size; at += 4) {
		uint16_t type;
		memcpy(&type, pattern->bytes + at, 2);
		uint8_t repetition = pattern->bytes[at + 2];
		if (type > 13 || repetition > 4 || (repetition == 4 && (at != 0 || at + 4 == pattern->size)))
			return false;
	}
	return true;
}

static int string_finish(struct rule_parser *parser, struct match *match)
{
	int error = guided_finish(parser, &match->data, sizeof(struct guided), guides, STRING_COUNT,
				  match->span, "-m string");
	if (error)
		return error;
	const struct guided *string = match->data;
	const struct text algorithm = string->values[STRING_ALGORITHM].text;
	if (!(string->seen & (1u << STRING_TEXT | 1u << STRING_HEX))) {
		diagnostic_hint(option_error(parser, match->span, "missing-option", "-m string has no text"),
				"write --string or --hex-string");
		return -EINVAL;
	}
	if (string->values[STRING_FROM].number > to_offset(string)) {
		diagnostic_hint(option_error(parser, match->span, "bad-value", "--from is behind --to"),
				"the kernel refuses it");
		return -EINVAL;
	}
	if (text_is(algorithm, "bm") || text_is(algorithm, "kmp"))
		return 0;
	if (text_is(algorithm, "fsm") && !guided_seen(string, STRING_ICASE) &&
	    fsm_valid(string->values[given(string)].own))
		return 0;
	diagnostic_hint(option_error(parser, match->span, "bad-value",
				     "the kernel has no --algo %.*s for this", (int)algorithm.size,
				     algorithm.data),
			"bm or kmp; fsm takes tokens of four bytes, and not --icase");
	return -EINVAL;
}

/* isprint() in the C locale, which iptables-save runs in. */
static bool is_plain(const struct pattern *pattern)
{
	for (unsigned i = 0; i < pattern->size; i++)
		if (pattern->bytes[i] < ' ' || pattern->bytes[i] > '~')
			return false;
	return pattern->bytes[pattern->size - 1] != '\\';
}

static void string_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	const struct guided *string = match->data;
	const struct pattern *pattern = string->values[given(string)].own;
	bool plain = is_plain(pattern);
	(void)rule;

	buffer_printf(out, "-m string%s %s", guided_inverted(string, given(string)) ? " !" : "",
		      plain ? "--string \"" : "--hex-string \"|");
	for (unsigned i = 0; i < pattern->size; i++) {
		if (!plain)
			buffer_printf(out, "%02x", pattern->bytes[i]);
		else
			buffer_printf(out, "%s%c", strchr("\"\\", pattern->bytes[i]) ? "\\" : "",
				      pattern->bytes[i]);
	}
	buffer_printf(out, "%s --algo %.*s", plain ? "\"" : "|\"",
		      (int)string->values[STRING_ALGORITHM].text.size,
		      string->values[STRING_ALGORITHM].text.data);
	if (string->values[STRING_FROM].number)
		buffer_printf(out, " --from %u", (unsigned)string->values[STRING_FROM].number);
	if (to_offset(string) != UINT16_MAX)
		buffer_printf(out, " --to %u", to_offset(string));
	if (guided_seen(string, STRING_ICASE))
		buffer_puts(out, " --icase");
}

/* toupper() of the kernel, whose table (lib/ctype.c) is that of Latin 1. */
static uint8_t upper(uint8_t c)
{
	bool lower = (c >= 'a' && c <= 'z') || c == 0xdf || (c >= 0xe0 && c != 0xf7);

	return lower ? (uint8_t)(c - 32) : c;
}

struct search {
	const struct packet *packet;
	const struct header_changes *changes;
	const struct pattern *pattern;
	bool icase;
};

static enum truth search_at(const struct search *search, uint32_t offset)
{
	const struct pattern *pattern = search->pattern;
	enum truth truth = TRUTH_YES;

	for (uint32_t i = 0; i < pattern->size; i++) {
		uint32_t at = offset + i;
		if (at >= search->packet->bytes_size ||
		    (search->changes->count && header_is_changed(search->changes, at, at + 1))) {
			truth = TRUTH_UNKNOWN;
			continue;
		}
		uint8_t byte = search->packet->bytes[at], wanted = pattern->bytes[i];
		if (byte != wanted && (!search->icase || upper(byte) != upper(wanted)))
			return TRUTH_NO;
	}
	return truth;
}

/* Whether bm finds what is there: without regard to case it passes over two characters whose small forms it
 * does not know as such (lib/ts_bm.c, compute_prefix_tbl()). */
static bool bm_is_sure(const struct search *search)
{
	for (unsigned i = 0; i < search->pattern->size && search->icase; i++) {
		uint8_t c = upper(search->pattern->bytes[i]);
		if (c == 0xbf || c == 0xdf)
			return false;
	}
	return true;
}

static enum truth string_find(const struct search *search, uint32_t from, uint32_t to)
{
	uint32_t length = search->packet->length, size = search->pattern->size;
	enum truth found = TRUTH_NO;

	for (uint32_t at = from; at <= to && at + size <= length; at++) {
		enum truth here = search_at(search, at);
		if (here == TRUTH_YES && at + size <= to)
			return TRUTH_YES;
		if (here != TRUTH_NO)
			found = TRUTH_UNKNOWN;
		if (at >= search->packet->bytes_size)
			break; /* nothing is known from here on */
	}
	return found;
}

static enum truth string_evaluate(const struct match *match, const struct rule *rule,
				  const struct packet *packet, struct evaluation *evaluation)
{
	const struct guided *string = match->data;
	struct header_changes changes;
	struct search search = {packet, &changes, string->values[given(string)].own,
				guided_seen(string, STRING_ICASE)};
	const uint8_t *ignored;
	enum truth found = TRUTH_UNKNOWN;
	(void)rule;
	(void)evaluation;

	if (packet_read(packet, 0, 0, &ignored) != PART_FOUND ||
	    text_is(string->values[STRING_ALGORITHM].text, "fsm"))
		return TRUTH_UNKNOWN;
	header_changes(packet, &changes);
	found = string_find(&search, (uint32_t)string->values[STRING_FROM].number, to_offset(string));
	if (found == TRUTH_YES && text_is(string->values[STRING_ALGORITHM].text, "bm") &&
	    !bm_is_sure(&search))
		found = TRUTH_UNKNOWN;
	return guided_inverted(string, given(string)) ? truth_not(found) : found;
}

const struct match_type match_string = {
    .name = "string",
    .modelled = true,
    .unseen = &(const struct unseen){OPAQUE_TABLE, true},
    .parse = string_parse,
    .finish = string_finish,
    .print = string_print,
    .evaluate = string_evaluate,
    .declare = unseen_declare,
    .mean = unseen_mean,
};
